//! `holdfast demo`: a month in a shop that sells tents before they arrive.
//!
//! A real server on a temporary database, spoken to by real clients; only its clock is moved by the story, so that the
//! dates are the same on every day of the year. Every number and every date that is printed comes from an answer, and
//! each is compared with what the story says: the demo fails rather than tell what is not so.

use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use tokio::runtime::Builder;

use super::output::{Palette, Style, line};
use crate::clock::ManualClock;

mod closing;
mod filling;
mod narrator;
mod opening;
mod scenery;
mod stage;
mod waiting;

use stage::Stage;

/// Tells the story of the backorder policy.
#[derive(Debug, Clone, Copy, Args)]
pub struct DemoArgs {}

/// Tells the story.
///
/// # Errors
///
/// When the server cannot be started, or an answer is not what the story says.
pub fn run(_: DemoArgs) -> Result<()> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    runtime.block_on(tell())
}

async fn tell() -> Result<()> {
    let clock = Arc::new(ManualClock::new(chrono::DateTime::UNIX_EPOCH));
    let scenery = scenery::build(Arc::clone(&clock)).await?;
    let palette = Palette::standard();
    line(&palette.styled(Style::Bold, "A shop that sells tents before they arrive"));
    line("A real server and real gRPC clients; the story moves the server's clock. Every number below");
    line("is from the server's answers, and the demo fails if one is not what the story expects.");
    let mut stage = Stage::new(palette, clock, scenery.address).await?;
    let told = tell_chapters(&mut stage).await;
    let struck = scenery.strike().await;
    told.context("the story broke off")?;
    struck?;
    line("");
    line(&palette.styled(Style::Green, "The story held: every answer was as told."));
    Ok(())
}

async fn tell_chapters(stage: &mut Stage) -> Result<()> {
    opening::open_shop(stage).await?;
    opening::sell_from_stock(stage).await?;
    waiting::promise_from_inbound(stage).await?;
    waiting::hold_whole(stage).await?;
    waiting::refuse_later_than_accepted(stage).await?;
    waiting::move_inbound(stage).await?;
    filling::receive_a_part(stage).await?;
    filling::cancel_with_refund(stage).await?;
    filling::receive_the_last(stage).await?;
    closing::ship(stage).await?;
    closing::repeat_calls(stage).await?;
    closing::count_up(stage).await
}
