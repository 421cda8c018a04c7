//! Which attacks there are, and how this program is told to be one.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use tokio::runtime::Builder;

use super::attacker::Field;
use super::{
    continuation, hpack_bomb, idle, made_you_reset, ping, rapid_reset, settings, slow_body, slow_head, slow_read,
    zero_window,
};

/// How much an attacker stands back for the CPU: the machine is the gateway's and the good's.
const NICE: i32 = 10;

/// A way to do harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Attack {
    /// Heads, a byte a second.
    SlowHead,
    /// Bodies, a byte a second.
    SlowBody,
    /// Large responses that nobody reads.
    SlowRead,
    /// HTTP/2 requests that are given up at once.
    RapidReset,
    /// HTTP/2 requests that the gateway is made to reset.
    MadeYouReset,
    /// HTTP/2 heads that never end.
    Continuation,
    /// HTTP/2 heads that are small packed and large unpacked.
    HpackBomb,
    /// HTTP/2 settings that must be acknowledged.
    Settings,
    /// HTTP/2 pings that must be answered.
    Ping,
    /// HTTP/2 responses that may not be sent.
    ZeroWindow,
    /// HTTP/2 responses of which a byte may be sent.
    TinyWindow,
    /// Connections that say nothing.
    Idle,
}

impl Attack {
    /// Requests it may have open at upstreams at once.
    pub(crate) fn requests(self) -> u32 {
        match self {
            Self::SlowBody => slow_body::CONNECTIONS,
            Self::SlowRead => slow_read::CONNECTIONS,
            Self::RapidReset => rapid_reset::REQUESTS,
            Self::MadeYouReset => made_you_reset::REQUESTS,
            Self::HpackBomb => hpack_bomb::REQUESTS,
            Self::ZeroWindow | Self::TinyWindow => zero_window::REQUESTS,
            _ => 0,
        }
    }

    async fn run(self, field: &Field) {
        match self {
            Self::SlowHead => slow_head::run(field).await,
            Self::SlowBody => slow_body::run(field).await,
            Self::SlowRead => slow_read::run(field).await,
            Self::RapidReset => rapid_reset::run(field).await,
            Self::MadeYouReset => made_you_reset::run(field).await,
            Self::Continuation => continuation::run(field).await,
            Self::HpackBomb => hpack_bomb::run(field).await,
            Self::Settings => settings::run(field).await,
            Self::Ping => ping::run(field).await,
            Self::ZeroWindow => zero_window::run(field, 0).await,
            Self::TinyWindow => zero_window::run(field, 1).await,
            Self::Idle => idle::run(field).await,
        }
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_possible_value().map_or(Ok(()), |value| f.write_str(value.get_name()))
    }
}

/// An attack, on whom and for how many milliseconds: `slow-head 127.0.0.1:8080 30000`.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) attack: Attack,
    pub(crate) at: SocketAddr,
    pub(crate) time: Duration,
}

impl Order {
    /// Attacks, and tells what was done.
    pub(crate) fn follow(&self) -> anyhow::Result<()> {
        rustix::process::nice(NICE)?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let field = Field::new(self.at, self.time);
            self.attack.run(&field).await;
            println!("{field}");
        });
        Ok(())
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.attack, self.at, self.time.as_millis())
    }
}

impl FromStr for Order {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let mut words = text.split(' ');
        let mut word = || words.next().context("ATTACK ADDRESS MILLISECONDS");
        let attack = Attack::from_str(word()?, false).map_err(anyhow::Error::msg)?;
        Ok(Self { attack, at: word()?.parse()?, time: Duration::from_millis(word()?.parse()?) })
    }
}
