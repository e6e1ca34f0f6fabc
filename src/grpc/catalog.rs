//! `CatalogService`: locations with their calendars, and items.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::context::Context;
use super::convert::{catalog, lists, values};
use super::layers::deadline_of;
use super::readers::{ItemOf, LocationOf};
use super::status::SkuField;
use crate::allocator::command::Command;
use crate::domain::catalog::Location;
use crate::proto::holdfast::v1 as pb;
use pb::catalog_service_server::CatalogService;

/// The service.
#[derive(Debug)]
pub(crate) struct Catalog(pub(crate) Arc<Context>);

#[tonic::async_trait]
impl CatalogService for Catalog {
    async fn put_location(
        &self,
        request: Request<pb::PutLocationRequest>,
    ) -> Result<Response<pb::PutLocationResponse>, Status> {
        let deadline = deadline_of(&request);
        let command = Command::PutLocation(catalog::put_location(request.into_inner())?);
        let (location, replayed): (Location, bool) = self.0.submit(command, deadline).await?;
        Ok(Response::new(pb::PutLocationResponse {
            location: Some(values::location(&location)),
            replayed,
        }))
    }

    async fn get_location(
        &self,
        request: Request<pb::GetLocationRequest>,
    ) -> Result<Response<pb::GetLocationResponse>, Status> {
        let location_id = catalog::location_id(&request.get_ref().location_id)?;
        let location = self.0.ask(LocationOf(location_id)).await?;
        Ok(Response::new(pb::GetLocationResponse {
            location: Some(location),
        }))
    }

    async fn list_locations(
        &self,
        request: Request<pb::ListLocationsRequest>,
    ) -> Result<Response<pb::ListLocationsResponse>, Status> {
        let paging = lists::locations(request.get_ref())?;
        let read = |page| {
            self.0
                .read(move |store| async move { store.list_locations(page).await })
        };
        let entry = |location: Location| (location.location_id.clone(), values::location(&location));
        let (locations, next_page_token) = paging.by_chunks(read, entry).await?;
        Ok(Response::new(pb::ListLocationsResponse {
            locations,
            next_page_token,
        }))
    }

    async fn put_item(&self, request: Request<pb::PutItemRequest>) -> Result<Response<pb::PutItemResponse>, Status> {
        let deadline = deadline_of(&request);
        let command = Command::PutItem(catalog::put_item(request.into_inner())?);
        let (item, replayed): (crate::domain::catalog::Item, bool) = self.0.submit(command, deadline).await?;
        Ok(Response::new(pb::PutItemResponse {
            item: Some(values::item(&item)),
            replayed,
        }))
    }

    async fn get_item(&self, request: Request<pb::GetItemRequest>) -> Result<Response<pb::GetItemResponse>, Status> {
        let sku = catalog::sku(&request.get_ref().sku)?;
        let item = self.0.ask_about(ItemOf(sku), SkuField::Single).await?;
        Ok(Response::new(pb::GetItemResponse { item: Some(item) }))
    }

    async fn list_items(
        &self,
        request: Request<pb::ListItemsRequest>,
    ) -> Result<Response<pb::ListItemsResponse>, Status> {
        let paging = lists::items(request.get_ref())?;
        let page = paging.to_read();
        let rows = self
            .0
            .read(move |store| async move { store.list_items(page).await })
            .await?;
        let rows = rows.into_iter().map(|item| (item.sku.clone(), values::item(&item)));
        let (items, next_page_token) = paging.fill(rows);
        Ok(Response::new(pb::ListItemsResponse { items, next_page_token }))
    }
}
