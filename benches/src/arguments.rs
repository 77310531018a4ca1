//! The command line.

use std::{fmt, path::PathBuf, str::FromStr};

use clap::Parser;

/// The memory, in MB, of a function that has a whole core. A smaller function has its share of that
/// core.
pub(crate) const MB_OF_A_CORE: u16 = 1769;
/// The memory, in MB, of the smallest function that Lambda allows.
const LEAST_MB: u16 = 128;

/// Measures the Lambdas. `benches/run` builds them first.
#[derive(Parser)]
pub(crate) struct Arguments {
    /// Where the binaries are
    #[arg(long, default_value = "target/release")]
    pub(crate) binaries: PathBuf,
    /// Where another build of the same Lambdas is, which has its turn after each of the first
    #[arg(long, value_name = "FOLDER")]
    pub(crate) beside: Option<PathBuf>,
    /// The algorithm of the tokens' signatures, of Latchkey and of FastAPI
    #[arg(long, default_value = "RS256", value_parser = ["RS256", "ES256"])]
    pub(crate) jwt_algorithm: String,
    /// The folder for figures.json and for the output of the Lambdas
    #[arg(long, default_value = "target/bench")]
    pub(crate) out: PathBuf,
    /// Processes of each Lambda
    #[arg(long, default_value_t = 21)]
    pub(crate) rounds: usize,
    /// Warm requests of each process
    #[arg(long, default_value_t = 30)]
    pub(crate) warm: usize,
    /// Measure these alone, besides what they are compared with
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// How: plain, over TLS, and over TLS held to the share of a core that a function of 128 to
    /// 1769 MB has
    #[arg(long, value_delimiter = ',', default_values = ["plain", "tls", "tls-256"])]
    pub(crate) modes: Vec<Mode>,
    /// How far away AWS is: milliseconds that each call takes longer
    #[arg(long, default_value_t = 0, value_name = "MS")]
    pub(crate) away: u64,
    /// Hold the functions that hash passwords to the share, too
    #[arg(long)]
    pub(crate) hold_all: bool,
    /// How many people sign in. If they are too few, a person's turn comes again before a second
    /// code may be sent
    #[arg(long, default_value_t = 2500)]
    pub(crate) people: u32,
    /// Also measure whole sign-ins, of Latchkey and of the peers that `benches/peers/setup` set up
    #[arg(long)]
    pub(crate) peers: Option<PathBuf>,
    /// Measure nothing, but count the writes to each partition key when so many sign in within a
    /// second
    #[arg(long, value_name = "SIGN-INS")]
    pub(crate) hot_keys: Option<u32>,
    /// Start the measured Lambdas under this command, as `valgrind --tool=callgrind`. They then
    /// end by themselves, at which it writes what it found
    #[arg(long, value_name = "COMMAND")]
    pub(crate) under: Option<String>,
    /// Print the names of the Lambdas that have to be built, and end
    #[arg(long)]
    pub(crate) names: bool,
}

/// How AWS is reached.
#[derive(Clone, Copy)]
pub(crate) enum Mode {
    Plain,
    Tls,
    /// Over TLS, held to the share of a core that a function of this size has.
    Held {
        megabytes: u16,
    },
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("tls-").map(str::parse)) {
            ("plain", _) => Ok(Self::Plain),
            ("tls", _) => Ok(Self::Tls),
            (_, Some(Ok(megabytes))) if (LEAST_MB..=MB_OF_A_CORE).contains(&megabytes) => {
                Ok(Self::Held { megabytes })
            }
            _ => Err(format!("plain, tls, or tls-{LEAST_MB} to tls-{MB_OF_A_CORE}")),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.write_str("plain"),
            Self::Tls => f.write_str("tls"),
            Self::Held { megabytes } => write!(f, "tls-{megabytes}"),
        }
    }
}
