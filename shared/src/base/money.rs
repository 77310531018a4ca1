//! Money: millionths of a US dollar.

/// A millionth of a US dollar.
pub type MicroUsd = i64;
/// A US dollar.
pub const USD: MicroUsd = 1_000_000;

/// An amount as a number of US dollars, for display.
#[expect(clippy::cast_precision_loss, reason = "no budget is that large")]
pub fn in_usd(amount: MicroUsd) -> f64 {
    amount as f64 / USD as f64
}

/// Parses an amount in US dollars: digits, then up to 6 decimals, at most 1,000,000.
pub fn usd(text: &str) -> Option<MicroUsd> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || whole.len() > 7
        || decimals.len() > 6
        || !digits(whole)
        || !digits(decimals)
    {
        return None;
    }

    let amount = format!("{whole}{decimals:0<6}").parse::<MicroUsd>().ok()?;
    (amount <= 1_000_000 * USD).then_some(amount)
}
