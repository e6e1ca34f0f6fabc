//! `holdfast warehouse`: a warehouse on a terminal. It follows the releases of a location, acknowledges each, and ships them
//! if it is told to.
//!
//! It is the reference for warehouse systems: it keeps the token of the last message that it has dealt with, and after any
//! cut goes on from there. A message that was told twice because the cut came before the token was kept does no harm: every
//! call that it leads to may be repeated.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{sleep, timeout};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::output::{self, Palette, Style};
use crate::proto::google::r#type::Date;
use crate::proto::holdfast::v1 as pb;
use pb::warehouse_service_client::WarehouseServiceClient;
use pb::watch_releases_response::Item;

/// How long the stream may be silent: three heartbeats are then missing.
const SILENT_MAX: Duration = Duration::from_secs(45);
/// The first and the longest wait before connecting again after a failure.
const REST_MIN: Duration = Duration::from_millis(200);
const REST_MAX: Duration = Duration::from_secs(5);

/// What to follow, and what to do with it.
#[derive(Debug, Clone, clap::Args)]
pub struct WarehouseArgs {
    /// The location whose releases are followed
    #[arg(long, value_name = "LOCATION")]
    location: String,
    /// Where the service listens
    #[arg(long, default_value = "http://localhost:50051", value_name = "URL")]
    endpoint: String,
    /// Confirm the shipment of every release at once, for demonstrations
    #[arg(long)]
    auto_ship: bool,
    /// The carrier named in confirmations of `--auto-ship`
    #[arg(long, default_value = "demo", value_name = "NAME")]
    carrier: String,
}

/// Follows until it is ended.
///
/// # Errors
/// When the service refuses what is asked for, and trying again would not help.
pub fn run(args: &WarehouseArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    runtime.block_on(async { Follower::new(args)?.follow().await })
}

/// Where the follower stands.
struct Follower<'a> {
    args: &'a WarehouseArgs,
    palette: Palette,
    warehouse: WarehouseServiceClient<Channel>,
    /// Of the last message that was dealt with; empty at the beginning.
    resume_token: String,
    rest: Duration,
}

impl<'a> Follower<'a> {
    fn new(args: &'a WarehouseArgs) -> Result<Self> {
        let endpoint = Endpoint::from_shared(args.endpoint.clone())
            .with_context(|| format!("`{}` is no address", args.endpoint))?
            .connect_timeout(REST_MAX)
            .tcp_nodelay(true);
        Ok(Self {
            args,
            palette: Palette::standard(),
            warehouse: WarehouseServiceClient::new(endpoint.connect_lazy()),
            resume_token: String::new(),
            rest: REST_MIN,
        })
    }

    async fn follow(mut self) -> Result<()> {
        let WarehouseArgs { location, endpoint, .. } = self.args;
        self.say(
            Style::Dim,
            format_args!("following the releases of {location} at {endpoint}"),
        );
        loop {
            let Err(status) = self.follow_once().await;
            self.recover(&status).await?;
        }
    }

    /// One stream, until it ends: it always ends with a status.
    async fn follow_once(&mut self) -> Result<std::convert::Infallible, Status> {
        let request = pb::WatchReleasesRequest {
            location_id: self.args.location.clone(),
            resume_token: self.resume_token.clone(),
            ..pb::WatchReleasesRequest::default()
        };
        let mut stream = self.warehouse.watch_releases(request).await?.into_inner();
        loop {
            let silent = |_| Status::unavailable("the stream is silent");
            let message = timeout(SILENT_MAX, stream.message()).await.map_err(silent)??;
            let message = message.ok_or_else(|| Status::unavailable("the stream ended"))?;
            match message.item {
                Some(Item::Release(release)) => self.take(release).await?,
                Some(Item::Revocation(revocation)) => self.stop(&revocation),
                Some(Item::Heartbeat(_)) | None => {}
            }
            // Only now is it dealt with.
            self.resume_token = message.resume_token;
            self.rest = REST_MIN;
        }
    }

    /// Takes the work of a release.
    async fn take(&mut self, release: pb::Release) -> Result<(), Status> {
        self.say(Style::Bold, format_args!("release   {}", described(&release)));
        let order_id = release.order_id;
        let acknowledge = pb::AcknowledgeReleaseRequest {
            order_id: order_id.clone(),
        };
        let acknowledged = self.warehouse.acknowledge_release(acknowledge).await;
        if !self.done("acknowledged", &order_id, acknowledged.map(drop))? || !self.args.auto_ship {
            return Ok(());
        }
        let shipment = pb::ConfirmShipmentRequest {
            order_id: order_id.clone(),
            parcels: vec![pb::Parcel {
                carrier: self.args.carrier.clone(),
                tracking_number: order_id.clone(),
            }],
            ship_time: None,
        };
        let shipped = self.warehouse.confirm_shipment(shipment).await;
        self.done("shipped", &order_id, shipped.map(drop)).map(drop)
    }

    /// Says that a call is done, or that it came too late: then a revocation follows, or another hand was faster.
    fn done(&self, what: &str, order_id: &str, result: Result<(), Status>) -> Result<bool, Status> {
        match result {
            Ok(()) => {
                self.say(Style::Green, format_args!("{what:<9} {order_id}"));
                Ok(true)
            }
            Err(refused) if refused.code() == Code::FailedPrecondition => {
                self.say(Style::Yellow, format_args!("too late  {}", refused.message()));
                Ok(false)
            }
            Err(failed) => Err(failed),
        }
    }

    fn stop(&self, revocation: &pb::Revocation) {
        let put_back = if revocation.was_acknowledged {
            ": stop, and put back what was picked"
        } else {
            ": nothing to pick"
        };
        let cause = word(revocation.cause().as_str_name());
        let order_id = &revocation.order_id;
        self.say(Style::Yellow, format_args!("revoked   {order_id} ({cause}){put_back}"));
    }

    /// Waits as long as it takes before the next try.
    async fn recover(&mut self, status: &Status) -> Result<()> {
        let info = status.get_details_error_info();
        let reason = info.as_ref().map_or("", |info| info.reason.as_str());
        match (status.code(), reason) {
            // The stream has lived its time.
            (_, "STREAM_ENDED") => return Ok(()),
            (_, "RESUME_TOKEN_EXPIRED" | "RESUME_TOKEN_INVALID") => {
                self.say(Style::Yellow, format_args!("begins anew: {}", status.message()));
                self.resume_token.clear();
            }
            (Code::InvalidArgument | Code::NotFound | Code::PermissionDenied | Code::Unauthenticated, _) => {
                bail!("{}", status.message());
            }
            _ => self.say(Style::Dim, format_args!("connects again: {}", status.message())),
        }
        sleep(self.rest).await;
        self.rest = self.rest.saturating_mul(2).min(REST_MAX);
        Ok(())
    }

    fn say(&self, style: Style, text: std::fmt::Arguments<'_>) {
        output::line(&self.palette.styled(style, text));
    }
}

/// A release in one line.
fn described(release: &pb::Release) -> String {
    let lines = release
        .lines
        .iter()
        .map(|line| format!("{} x {}", line.quantity, line.sku));
    let lines: Vec<_> = lines.collect();
    let customer = match (release.customer_name.as_str(), release.customer_locale.as_str()) {
        ("", _) => String::new(),
        (name, "") => format!(", for {name}"),
        (name, locale) => format!(", for {name} ({locale})"),
    };
    let ship_by = release
        .ship_by_date
        .as_ref()
        .map_or_else(String::new, |date| format!(", ship by {}", iso(date)));
    let cause = word(release.cause().as_str_name());
    format!(
        "{}: {}{customer}{ship_by} ({cause})",
        release.order_id,
        lines.join(", ")
    )
}

/// The last words of the name of an enumeration's value.
fn word(name: &str) -> String {
    let word = name.split_once("_CAUSE_").map_or(name, |(_, word)| word);
    word.to_lowercase().replace('_', " ")
}

fn iso(date: &Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_told_in_one_line() {
        let line = |sku: &str, quantity| pb::LineQuantity {
            line_number: 1,
            sku: sku.to_owned(),
            quantity,
        };
        let release = pb::Release {
            order_id: "CARL-1".to_owned(),
            lines: vec![line("LANTERN", 1), line("TENT", 2)],
            customer_name: "Carl".to_owned(),
            customer_locale: "nl-BE".to_owned(),
            ship_by_date: Some(Date {
                year: 2030,
                month: 3,
                day: 9,
            }),
            cause: pb::ReleaseCause::SafetyStock.into(),
            ..pb::Release::default()
        };
        let expected = "CARL-1: 1 x LANTERN, 2 x TENT, for Carl (nl-BE), ship by 2030-03-09 (safety stock)";
        assert_eq!(described(&release), expected);
    }
}
