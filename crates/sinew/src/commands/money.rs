//! `sinew money`: where money goes, from a table of deals or from one's own invoices.

mod say;
#[cfg(test)]
mod tests;

use crate::context::Context;
use crate::error::{At, CliError};
use crate::plot;
use crate::print;
use anyhow::Result;
use clap::{Args, ValueEnum};
use say::Say;
use sinew_api::{FlowFact, MoneyView, StressView, complaint_text};
use sinew_circulation::{Class, Complaint, Deal, Deals, Kind, Set, Shock, stress};
use std::path::{Path, PathBuf};

/// How many complaints about a table are printed before the rest is counted.
const COMPLAINTS_MAX: usize = 20;

/// What `sinew money` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sinew money                                           your own invoices, as the server knows them
  sinew money --deals deals.csv                         reported deals: closed, committed, announced, reported
  sinew money --deals deals.csv --set all --svg plots   also contingent, cancelable and proxy rows; draws plots/*.svg
  sinew money --deals deals.csv --stress OpenAI         who fails if OpenAI stops paying what it promised
  sinew money --deals deals.csv --halve Nvidia          who fails if shares in Nvidia are worth half
  sinew money --deals deals.csv --csv flows.csv --json  flows with their sources, and everything as JSON

A table has the columns date, from, to, kind, amount_usd (or another currency), status and source. Rows that are superseded,
loi_lapsed or unsourced enter no total, and a row with no source is refused.

Formulas, with W(i,j) what i pays j, out and in a party's sums, gross = sum W:
  netted by pairs      sum over pairs of |W(i,j) - W(j,i)|
  netted by all        gross - circulating: everybody nets with all, along the flows there are
  netted in one pot    sum of max(0, out - in)
  circulating          the largest sum of c with 0 <= c <= W and c(in) = c(out) at each party (CDFD, maximum form)
  balanced             in each strongly connected part: the stationary flow of the shares W(i,j) / out(i), scaled until a
                       party has passed on all, taken away, repeated (CDFD, balanced form)
  Finn's index         T = max(in, out), G = W / T, N = (I - G)^-1: sum of T (n - 1) / n over sum of T, n on N's diagonal
  cycles               ways back to their beginning through nobody twice (Johnson), with their smallest flow; bounded
  comes back           min(invested, spent back); in two, three payments: the largest flow back, at most what was invested
  stress               p = min(owed, means + received), shared in proportion (Eisenberg and Noe), on what is promised. Everybody
                       begins with the least means that pay all: max(0, out - in). Round 0 stops; round 1 fails though all
                       others pay; later rounds fail because of earlier ones. --halve takes half of what a holder gave for
                       shares of that party from its means")]
pub(crate) struct MoneyArgs {
    /// A table of deals (CSV); without it, your own invoices are asked of the server
    #[arg(long, value_name = "FILE")]
    deals: Option<PathBuf>,
    /// Which rows count
    #[arg(long, value_enum, default_value_t = Rows::Firm, requires = "deals")]
    set: Rows,
    /// What follows if this party stops paying; can be given several times
    #[arg(long, value_name = "PARTY", requires = "deals")]
    stress: Vec<String>,
    /// What follows if shares in this party are worth half; can be given several times
    #[arg(long, value_name = "PARTY", requires = "deals")]
    halve: Vec<String>,
    /// Draw `chord.svg` and `flows.svg` into this folder
    #[arg(long, value_name = "DIR")]
    svg: Option<PathBuf>,
    /// Write all flows with their sources as a table
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

/// Which rows count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Rows {
    /// Closed, committed, announced or reported
    Firm,
    /// Those, and contingent, cancelable and proxy ones
    All,
}

impl Rows {
    fn set(self) -> Set {
        match self {
            Self::Firm => Set::Firm,
            Self::All => Set::All,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Firm => "firm",
            Self::All => "all",
        }
    }
}

/// Prints the figures, and draws and writes what was asked for.
pub(crate) fn run(context: &Context, args: &MoneyArgs) -> Result<()> {
    let say = Say(context.words.0);
    let views = match &args.deals {
        Some(file) => vec![of_deals(say, args, file)?],
        None => context.client()?.list("/api/money")?,
    };
    for view in &views {
        let of_asset =
            |name: &str| if views.len() == 1 { name.to_owned() } else { format!("{}-{name}", view.asset) };
        if let Some(folder) = &args.svg {
            std::fs::create_dir_all(folder).at("make", folder)?;
            let title = say.title(view);
            write(&folder.join(of_asset("chord.svg")), &plot::chord(view, &title, say.0))?;
            write(&folder.join(of_asset("flows.svg")), &plot::ribbons(view, &title, say.0))?;
        }
    }
    if let Some(file) = &args.csv {
        write(file, &table(&views))?;
    }
    if context.json {
        print::json(&views)?;
        // The process ends here: taking hundreds of thousands of flows apart one by one would serve nobody.
        std::mem::forget(views);
        return Ok(());
    }
    if views.is_empty() {
        return Ok(print::line(say.nothing())?);
    }
    views.iter().try_for_each(|view| show(say, view))
}

fn write(file: &Path, text: &str) -> Result<()> {
    Ok(std::fs::write(file, text).at("write", file)?)
}

fn of_deals(say: Say, args: &MoneyArgs, file: &Path) -> Result<MoneyView> {
    let text = std::fs::read_to_string(file).at("read", file)?;
    let deals = Deals::read(&text).map_err(|wrong| refused(say, file, &wrong))?;
    let set = args.set.set();
    let counting: Vec<&Deal> = deals.rows.iter().filter(|deal| deal.counts_in(set)).collect();
    let too_large = |_| CliError::Usage(say.too_large(file));
    let facts: Vec<FlowFact> = counting.iter().map(|deal| fact(deal)).collect();
    let mut view =
        MoneyView::of(&deals.asset, args.set.word(), deals.parties.names(), &facts).map_err(too_large)?;
    let owed =
        deals.graph(|deal| deal.counts_in(set) && deal.class() == Class::Commitment).map_err(too_large)?;
    let holdings = deals.holdings(set);
    let shocks = args.stress.iter().map(|party| ("stops", party));
    for (shock, party) in shocks.chain(args.halve.iter().map(|party| ("halves", party))) {
        let unknown = || CliError::Usage(say.unknown_party(party, file));
        let number = deals.parties.find(party).ok_or_else(unknown)?;
        let what = if shock == "stops" { Shock::Stops(number) } else { Shock::Halves(number) };
        let clearing = stress(&owed, &holdings, what);
        view.stress.push(StressView::of(&deals.asset, deals.parties.names(), (shock, number), &clearing));
    }
    Ok(view)
}

fn fact(deal: &Deal) -> FlowFact {
    FlowFact {
        from: deal.from,
        to: deal.to,
        class: deal.class(),
        invests: deal.kind != Kind::Spends,
        units: deal.units(),
        year: deal.year().to_owned(),
        source: deal.source.clone(),
    }
}

fn refused(say: Say, file: &Path, wrong: &[Complaint]) -> CliError {
    let mut lines = vec![say.refused(file)];
    lines.extend(wrong.iter().take(COMPLAINTS_MAX).map(|complaint| complaint_text(say.0, complaint)));
    if wrong.len() > COMPLAINTS_MAX {
        lines.push(say.more(wrong.len() - COMPLAINTS_MAX));
    }
    CliError::Usage(lines.join("\n  "))
}

fn show(say: Say, view: &MoneyView) -> Result<()> {
    print::line(say.title(view))?;
    print::line("")?;
    let [figure, value, share] = say.figures_head();
    print::table(&[figure, value, share], &say.figures(view))?;
    print::line("")?;
    print::table(&say.classes_head(), &say.classes(view))?;
    if !view.trips.is_empty() {
        print::line("")?;
        print::table(&say.trips_head(), &say.trips(view))?;
    }
    if !view.figures.cycles.is_empty() {
        print::line("")?;
        print::table(&say.cycles_head(), &say.cycles(view))?;
    }
    for stress in &view.stress {
        print::line("")?;
        print::line(say.stress(stress))?;
        print::table(&say.failures_head(), &say.failures(stress))?;
    }
    Ok(())
}

/// All flows as comma-separated values, each with who says so.
fn table(views: &[MoneyView]) -> String {
    let mut text = "asset,from,to,cash,commitments,paper,total,sources\n".to_owned();
    for view in views {
        for flow in &view.flows {
            let plain = |amount: &str| amount.split(' ').next().unwrap_or_default().to_owned();
            let sums = [&flow.sums.cash, &flow.sums.commitments, &flow.sums.paper, &flow.sums.total];
            let mut cells = vec![view.asset.clone(), quoted(&flow.from), quoted(&flow.to)];
            cells.extend(sums.map(|sum| plain(sum)));
            cells.push(quoted(&flow.sources.join(" | ")));
            text.push_str(&cells.join(","));
            text.push('\n');
        }
    }
    text
}

fn quoted(cell: &str) -> String {
    match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    }
}
