-- Grows with each round that writes at the location, so that rows kept between rounds are known to be current.
ALTER TABLE location_numbers ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
