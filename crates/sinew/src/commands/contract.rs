//! `sinew contract`: drafts, signatures, and what is agreed.

use crate::client::{Client, encoded};
use crate::clock;
use crate::context::Context;
use crate::draft::{self, Draft, Names};
use crate::draw;
use crate::error::{At, CliError};
use crate::print;
use anyhow::Result;
use clap::{Args, Subcommand};
use sinew_api::{
    ContractRequest, ContractView, MeView, OrganisationView, PoolView, SignatureRequest, TermsWire,
};
use sinew_contract::{PublicKey, Signature};
use sinew_types::{ContractId, Malformed, OrgId, Shape};
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

const DRAFT_HELP: &str = "\
Example:
  sinew contract draft lyra --pool north --guarantee \"1 chip\" --borrow \"1 chip\" --notice 5s \\
        --price \"1.90 USD/chip-hour\" --borrowed \"0.80 USD/chip-hour\" --until 30d > lyra.toml

Prints a file to read and change. Nothing is sent. Times are UTC (2027-06-30), or a length from now (30d).

Clauses, each with --clause; a contract that has one is billed by itself for every month (UTC):
  \"guaranteed 1.50 USD/chip-hour beyond 1000 chip-hours from 2027-01-01\"   a step, or a price from a month on
  \"fee 500.00 USD\"                      for each month; for a part of one in proportion
  \"at least 10000.00 USD\"               take or pay: what use and fee fall short of in a month
  \"undelivered 3.80 USD/chip-hour\"      paid back for guaranteed chips that could not be held
  \"late 5.00 USD/chip-hour\"             paid back for guaranteed chips that come after the recall bound
  \"lent 0.40 USD/chip-hour\"             paid to the lab for idle guaranteed chips while others hold them
  \"credit 500.00 USD until 2027-07-01\"  spent before money is asked for
  \"prepay 2000.00 USD on 2027-01-01 back 500.00 USD from 2027-07-01\"
  \"tax VAT 8.1 %\"                       of what is charged after credits";

const SIGN_HELP: &str = "\
Examples:
  sinew contract sign lyra.toml        the owner signs the draft and offers it
  sinew contract sign contract-0123…   the lab reads the terms from the server and signs what it read
  sinew contract sign aurora           the same, where aurora has made just one offer

What is signed is computed here, from the terms that are shown. The signing key never leaves this machine.";

/// What can be done with contracts.
#[derive(Debug, Subcommand)]
pub(crate) enum ContractCommand {
    /// Write an offer as a file to read, change and sign
    #[command(after_help = DRAFT_HELP)]
    Draft(Box<DraftArgs>),
    /// Sign: a file as its owner, an offer as its lab
    #[command(after_help = SIGN_HELP)]
    Sign {
        /// A draft's file, a contract's id, or the other party's name
        what: String,
        /// Do not ask before signing an offer
        #[arg(long, short)]
        yes: bool,
    },
    /// Your contracts, on either side
    Ls,
    /// One contract: its terms and what is not billed yet
    Show {
        /// Its id, or the other party's name
        contract: String,
    },
}

/// What `sinew contract draft` takes.
#[derive(Debug, Args)]
pub(crate) struct DraftArgs {
    /// Who borrows, by name or id
    lab: String,
    /// What is lent, by name or id
    #[arg(long)]
    pool: String,
    /// What the lab can have at any instant; may be given more than once
    #[arg(long, value_name = "SHAPE")]
    guarantee: Vec<String>,
    /// The most beyond that
    #[arg(long, value_name = "SHAPE", default_value = "0 chips", allow_hyphen_values = true)]
    borrow: String,
    /// The most of its idle guarantee that others may borrow; `all` of it
    #[arg(long, value_name = "SHAPE|all", default_value = "all", allow_hyphen_values = true)]
    lend: String,
    /// From the notice of a recall to its deadline
    #[arg(long, value_name = "TIME")]
    notice: String,
    /// From the deadline until nothing runs
    #[arg(long, value_name = "TIME", default_value = "1s")]
    kill_grace: String,
    /// From then until the next holder has the cells
    #[arg(long, value_name = "TIME", default_value = "1s")]
    hand_over: String,
    /// How long each lease is safe from recall [default: not at all]
    #[arg(long, value_name = "TIME")]
    minimum_term: Option<String>,
    /// In which windows it holds, such as "daily 20:00-06:00 Europe/Zurich" [default: always]
    #[arg(long, value_name = "WINDOW")]
    window: Option<String>,
    /// What guaranteed capacity costs, such as "1.90 USD/chip-hour"
    #[arg(long, value_name = "PRICE")]
    price: String,
    /// What borrowed capacity costs [default: the same]
    #[arg(long, value_name = "PRICE")]
    borrowed: Option<String>,
    /// The first moment [default: now]
    #[arg(long, value_name = "TIME")]
    starts: Option<String>,
    /// The first moment after, or how long from now
    #[arg(long, value_name = "TIME")]
    until: String,
    /// What it costs beside that, such as "fee 500.00 USD"; it is then billed by the month; may be given more than once
    #[arg(long, value_name = "CLAUSE")]
    clause: Vec<String>,
    /// How an invoice line becomes whole units: half-even, up or down
    #[arg(long, default_value = "half-even")]
    rounding: String,
}

/// Does what was typed.
pub(crate) fn run(context: &Context, command: ContractCommand) -> Result<()> {
    match command {
        ContractCommand::Draft(args) => draft(context, &args),
        ContractCommand::Sign { what, yes } => {
            let path = Path::new(&what);
            if path.is_file() { offer(context, path) } else { sign(context, &what, yes) }
        }
        ContractCommand::Ls => list(context),
        ContractCommand::Show { contract } => {
            let client = context.client()?;
            show(context, &find(&client, &contract, |_| true)?)
        }
    }
}

/// The one contract of this id, or with this party, among those that are wanted.
pub(crate) fn find(client: &Client, typed: &str, wanted: fn(&ContractView) -> bool) -> Result<ContractView> {
    if typed.parse::<ContractId>().is_ok() {
        return client.get(&format!("/api/contracts/{}", encoded(typed)));
    }
    let all: Vec<ContractView> = client.list("/api/contracts")?;
    let mut fitting = all.into_iter().filter(|c| wanted(c) && (c.lab == typed || c.owner == typed));
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => {
            let why = "neither a file nor a contract: `sinew contract ls` shows contracts with their ids";
            Err(CliError::Usage(format!("`{typed}` is {why}")).into())
        }
        (Some(_), Some(_)) => {
            let why = "more than one contract: name it by its id (`sinew contract ls`)";
            Err(CliError::Usage(format!("`{typed}` has {why}")).into())
        }
    }
}

fn draft(context: &Context, args: &DraftArgs) -> Result<()> {
    let client = context.client()?;
    let me: MeView = client.get("/api/me")?;
    let pool: PoolView = client.get(&format!("/api/pools/{}", encoded(&args.pool)))?;
    let lab = organisation(&client, &args.lab)?;
    let names = Names { owner: me.organisation.name, lab: lab.name, pool: pool.name };
    let wire = terms(args, (&me.organisation.id, &lab.id, &pool.id)).map_err(|wrong| usage(&wrong))?;
    let terms = wire.to_terms().map_err(|wrong| usage(&wrong))?;
    draft::check(&terms, context.words.0).map_err(CliError::Usage)?;
    let draft = Draft { id: ContractId::from_bits(draw::bits()?), terms };
    if context.json {
        let wire = TermsWire::of(&draft.terms);
        return Ok(print::json(&serde_json::json!({ "id": draft.id.to_string(), "terms": wire }))?);
    }
    Ok(print::bytes(draft.to_toml(&names).as_bytes())?)
}

fn usage(wrong: &Malformed) -> CliError {
    CliError::Usage(wrong.to_string())
}

/// What was typed as terms; `parties` are the ids of owner, lab and pool.
fn terms(args: &DraftArgs, parties: (&str, &str, &str)) -> Result<TermsWire, Malformed> {
    let now = clock::now();
    let at = |field: &str, text: &str| clock::time_or_span(text, now).map_err(|wrong| wrong.inside(field));
    let starts = args.starts.as_deref().map_or(Ok(now), |text| at("starts", text))?;
    let guaranteed: u32 = args
        .guarantee
        .iter()
        .filter_map(|text| text.parse::<Shape>().ok()?.loose_chips())
        .fold(0, u32::saturating_add);
    let lend = if args.lend == "all" { Shape::Chips(guaranteed).to_string() } else { args.lend.clone() };
    Ok(TermsWire {
        owner: parties.0.to_owned(),
        lab: parties.1.to_owned(),
        pool: parties.2.to_owned(),
        guarantee: args.guarantee.clone(),
        borrow_limit: args.borrow.clone(),
        lend_limit: lend,
        notice: args.notice.clone(),
        kill_grace: args.kill_grace.clone(),
        hand_over: args.hand_over.clone(),
        minimum_term: args.minimum_term.clone(),
        calendar: args.window.clone(),
        starts: starts.to_string(),
        ends: at("until", &args.until)?.to_string(),
        guaranteed_price: args.price.clone(),
        borrowed_price: args.borrowed.clone().unwrap_or_else(|| args.price.clone()),
        rounding: args.rounding.clone(),
        clauses: args.clause.clone(),
    })
}

/// An organisation by name or id.
fn organisation(client: &Client, typed: &str) -> Result<OrganisationView> {
    let all: Vec<OrganisationView> = client.list("/api/organisations")?;
    if let Some(found) = all.into_iter().find(|org| org.name == typed || org.id == typed) {
        return Ok(found);
    }
    if typed.parse::<OrgId>().is_ok() {
        // Not everybody sees everybody; the server knows whether this one exists.
        let (id, name) = (typed.to_owned(), typed.to_owned());
        return Ok(OrganisationView { id, name, operator: false, public_key: None });
    }
    let why =
        "`sinew org ls` shows those that are; an organisation you cannot see can be named by its id (org-…)";
    Err(CliError::Usage(format!("the organisation `{typed}` is not known to this key: {why}")).into())
}

/// The owner signs a draft and sends it.
fn offer(context: &Context, path: &Path) -> Result<()> {
    let text = std::fs::read_to_string(path).at("read", path)?;
    let draft = Draft::read(path, &text, context.words.0)?;
    let client = context.client()?;
    let me: MeView = client.get("/api/me")?;
    if me.organisation.id != draft.terms.owner.to_string() {
        let why = format!(
            "{} is an offer of {}, and this key is {}'s: use the owner's profile",
            PathBuf::from(path).display(),
            draft.terms.owner,
            me.organisation.name
        );
        return Err(CliError::Usage(why).into());
    }
    let signature = context.signing_key()?.sign(&draft.terms.signing_bytes(draft.id)).to_string();
    let request = ContractRequest { id: draft.id.to_string(), terms: TermsWire::of(&draft.terms), signature };
    let offered: ContractView = client.post("/api/contracts", &request)?;
    if context.json {
        return Ok(print::json(&offered)?);
    }
    let names = names_of(&offered);
    print::bytes(draft::summary(&draft, &names).as_bytes())?;
    Ok(print::line(context.words.offered(&offered.lab, &offered.id))?)
}

/// The lab reads an offer, shows it, and signs exactly what it showed.
fn sign(context: &Context, typed: &str, yes: bool) -> Result<()> {
    let client = context.client()?;
    let offer = find(&client, typed, |contract| contract.standing == "offered")?;
    let unread =
        |wrong: Malformed| CliError::Usage(format!("the offer {} cannot be read: {wrong}", offer.id));
    let terms = offer.terms.to_terms().map_err(unread)?;
    let draft = Draft { id: offer.id.parse().map_err(unread)?, terms };
    let bytes = draft.terms.signing_bytes(draft.id);
    let checked = owner_signed(&client, &offer, &bytes)?;
    print::note(draft::summary(&draft, &names_of(&offer)).trim_end());
    print::note(context.words.owner_signature(checked));
    if !yes && !confirmed(context)? {
        print::note(context.words.not_signed());
        return Ok(());
    }
    let signature = context.signing_key()?.sign(&bytes).to_string();
    let path = format!("/api/contracts/{}/signature", encoded(&offer.id));
    let signed: ContractView = client.post(&path, &SignatureRequest { signature })?;
    if context.json {
        return Ok(print::json(&signed)?);
    }
    print::line(context.words.signed(&signed.owner, &signed.lab))?;
    Ok(())
}

/// Whether the owner signed these bytes; `false` where this key may not see the owner's public key. A signature
/// that does not fit is an error: nobody signs below a forgery.
fn owner_signed(client: &Client, offer: &ContractView, bytes: &[u8]) -> Result<bool> {
    let all: Vec<OrganisationView> = client.list("/api/organisations")?;
    let owner = all.into_iter().find(|org| org.id == offer.terms.owner);
    let Some(key) = owner.and_then(|owner| owner.public_key?.parse::<PublicKey>().ok()) else {
        return Ok(false);
    };
    let signature = offer.owner_signature.parse::<Signature>();
    if signature.is_ok_and(|signature| key.signed(bytes, &signature)) {
        return Ok(true);
    }
    let why =
        "the owner's signature does not fit the terms that the server shows: do not sign; ask the owner";
    Err(anyhow::anyhow!("{}: {why}", offer.id))
}

/// Asks a person; a program that runs this has decided already.
fn confirmed(context: &Context) -> Result<bool> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(true);
    }
    let mut err = io::stderr().lock();
    err.write_all(context.words.sign_these().as_bytes()).and_then(|()| err.flush())?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "o" | "O" | "oui"))
}

fn names_of(view: &ContractView) -> Names {
    Names { owner: view.owner.clone(), lab: view.lab.clone(), pool: view.pool.clone() }
}

fn list(context: &Context) -> Result<()> {
    let all: Vec<ContractView> = context.client()?.list("/api/contracts")?;
    if context.json {
        return Ok(print::json(&all)?);
    }
    let row = |contract: &ContractView| {
        vec![
            contract.id.clone(),
            format!("{} -> {}", contract.owner, contract.lab),
            contract.pool.clone(),
            contract.terms.guarantee.join(" + "),
            contract.terms.borrow_limit.clone(),
            contract.recall_bound.clone(),
            contract.standing.clone(),
            clock::local(&contract.terms.ends),
        ]
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    let head = ["ID", "OWNER -> LAB", "POOL", "GUARANTEE", "BORROWS", "RECALL", "STANDING", "UNTIL"];
    Ok(print::table(&head, &rows)?)
}

fn show(context: &Context, view: &ContractView) -> Result<()> {
    if context.json {
        return Ok(print::json(view)?);
    }
    let unread = |wrong: Malformed| CliError::Usage(format!("{}: {wrong}", view.id));
    let terms = view.terms.to_terms().map_err(unread)?;
    let draft = Draft { id: view.id.parse().map_err(unread)?, terms };
    print::bytes(draft::summary(&draft, &names_of(view)).as_bytes())?;
    let unbilled = format!("{} guaranteed, {} borrowed", view.unbilled.guaranteed, view.unbilled.borrowed);
    print::line(format_args!("  {:<13}  {}\n  {:<13}  {unbilled}", "standing", view.standing, "not billed"))?;
    if let Some(short) = &view.shortfall {
        let since =
            short.since.as_deref().map(|at| format!(" since {}", clock::local(at))).unwrap_or_default();
        let (missing, total) = (&short.missing, &short.total);
        print::line(format_args!("  {:<13}  {missing} missing{since}, {total} in all", "shortfall"))?;
    }
    Ok(())
}
