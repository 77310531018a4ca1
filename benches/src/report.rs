//! The tables that are printed, and the file that is kept.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::figures::{Figures, FlowFigures};

/// The results of a run, as figures.json has them.
#[derive(Serialize)]
pub(crate) struct Report {
    /// The build profile of the binaries.
    pub(crate) profile: String,
    /// The Lambdas' results in each mode.
    pub(crate) modes: BTreeMap<String, Vec<Figures>>,
    /// The services' results. Empty unless `--peers` is given.
    pub(crate) flows: Vec<FlowFigures>,
}

const HEADINGS: [&str; 15] = [
    "",
    "poll CPU",
    "×hello",
    "poll",
    "first",
    "own",
    "CPU",
    "warm",
    "p99",
    "warm CPU",
    "×GetItem",
    "MiB",
    "MB",
    "R + W",
    "chain",
];

/// A table of one mode, in Markdown.
pub(crate) fn table(mode: &str, all: &[Figures]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));

    let mut text = format!("\n{mode}\n\n{}", line(&HEADINGS.map(str::to_owned)));
    text.push_str(&line(
        &HEADINGS.map(|heading| if heading.is_empty() { "---" } else { "---:" }.to_owned()),
    ));

    for figures in all {
        text.push_str(&line(&cells(figures)));
    }

    text
}

/// The cells of a Lambda, in the order of [`HEADINGS`].
fn cells(figures: &Figures) -> Vec<String> {
    let later = if figures.first_connections.median > 0.0 { "*" } else { "" };

    vec![
        figures.name.clone(),
        format!("{:.2}", figures.poll_cpu.median),
        format!("{:.1}", figures.poll_cpu_per_hello),
        format!("{:.1}", figures.poll_wall.median),
        format!("{:.1}{later}", figures.first_wall.median),
        format!("{:.1}", figures.first_own_wall.median),
        format!("{:.2}", figures.first_cpu.median),
        format!("{:.2}", figures.warm_wall.median),
        format!("{:.2}", figures.warm_wall.p99),
        format!("{:.3}", figures.warm_cpu.median),
        format!("{:.2}", figures.warm_cpu_per_get_item),
        format!("{:.1}", figures.peak_memory_kib.median / 1024.0),
        format!("{:.2}", figures.binary_mb()),
        format!(
            "{} + {} ({})",
            figures.read_units.median,
            figures.write_units.median,
            figures.calls.len()
        ),
        format!("{}", figures.chain.median),
    ]
}

/// An explanation of the columns.
pub(crate) const LEGEND: &str = "
Times in ms, medians. poll: from the start of the process to its first poll; ×hello: its CPU time beside that of
a bare lambda_http function. first: the first request, * where it had to connect; own: without what AWS took; CPU:
until the next poll. warm: later requests; ×GetItem: their CPU time beside that of one GetItem of the bare SDK.
MiB: peak memory. MB: the binary. R + W: request units of a warm request (and calls to AWS).
chain: the most calls to AWS that wait for one another, with --away.
(beside): the same function from the folder of --beside.
";

/// A table of whole sign-ins, in Markdown, each figure also as a multiple of the first service's.
pub(crate) fn flow_table(all: &[FlowFigures]) -> String {
    let Some(first) = all.first() else { return String::new() };
    let mut text = "\nA sign-in: send, verify, me, refresh\n\n\
        | | cold | × | cold CPU | × | warm CPU | × | MiB | × |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n"
        .to_owned();

    for figures in all {
        let cells = [
            (figures.cold_wall.median, first.cold_wall.median),
            (figures.cold_cpu.median, first.cold_cpu.median),
            (figures.warm_cpu.median, first.warm_cpu.median),
            (figures.peak_memory_kib.median / 1024.0, first.peak_memory_kib.median / 1024.0),
        ];
        let cells = cells.map(|(own, first)| format!("{own:.2} | {:.1}", own / first));
        text.push_str(&format!("| {} | {} |\n", figures.name, cells.join(" | ")));
    }

    text
}
