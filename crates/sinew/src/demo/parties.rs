//! The owner, the lab, the pool and the contract between them.

use super::Story;
use crate::client::Client;
use crate::context::Context;
use crate::draw;
use crate::profile::{Home, Profile};
use crate::settings::Origin;
use anyhow::{Context as _, Result};
use serde_json::Value;
use sinew_api::{
    ContractRequest, ContractView, MeView, OrganisationRequest, OrganisationView, PoolRequest, PoolView,
    PublicKeyRequest, SignatureRequest, TermsWire,
};
use sinew_types::{ContractId, Instant, Span};
use std::path::{Path, PathBuf};

/// Who lends in the story, and who borrows.
pub(crate) const OWNER: &str = "aurora";
pub(crate) const LAB: &str = "lyra";
/// The pool.
pub(crate) const POOL: &str = "this-machine";
const CONTRACT_LIFE: Span = Span::from_ms(30 * 86_400_000);

/// Where the demo's keys lie: beside the data folder, never in it.
pub(crate) fn home(context: &Context, data: &Path) -> Home {
    let mut beside = data.as_os_str().to_owned();
    beside.push("-keys");
    let given = &context.settings.home;
    let path = if given.origin == Origin::Default { PathBuf::from(beside) } else { given.value.clone() };
    Home::new(&path, data)
}

/// The owner's API key: the one of an earlier demo, or a new one that is kept before anybody hears of it.
pub(crate) fn owner_secret(home: &Home, server: &str) -> Result<String> {
    keep(home, OWNER, server)
}

/// An organisation's key in its profile.
fn keep(home: &Home, organisation: &str, server: &str) -> Result<String> {
    let known = home.names()?.iter().any(|name| name == organisation);
    let key = if known { home.load(organisation)?.key } else { draw::api_key()?.0 };
    let profile = Profile {
        server: server.to_owned(),
        organisation: organisation.to_owned(),
        key: key.clone(),
        instance: None,
    };
    home.save(organisation, &profile)?;
    Ok(key)
}

/// Makes sure that both organisations exist, can be spoken for and can sign.
pub(crate) fn introduce(
    context: &Context,
    url: &str,
    home: &Home,
    owner_key: String,
) -> Result<(Client, Client)> {
    let owner = Client::new(url, Some(&owner_key), context.language())?;
    let _: MeView = owner.get("/api/me").context(
        "the keys beside the data folder do not fit it; remove both to start the demo afresh, or bring the keys back",
    )?;
    keep(home, OWNER, url)?;
    let lab_key = keep(home, LAB, url)?;
    let known: Vec<OrganisationView> = owner.list("/api/organisations")?;
    if !known.iter().any(|organisation| organisation.name == LAB) {
        let key_sha256 = Some(sinew_store::hash_of(lab_key.as_bytes()).to_string());
        let _: Value =
            owner.post("/api/organisations", &OrganisationRequest { name: LAB.to_owned(), key_sha256 })?;
    }
    let lab = Client::new(url, Some(&lab_key), context.language())?;
    for (client, name) in [(&owner, OWNER), (&lab, LAB)] {
        let public_key = home.ensure_signing_key(name)?.public().to_string();
        client.put("/api/me/public-key", &PublicKeyRequest { public_key })?;
    }
    Ok((owner, lab))
}

impl Story {
    /// How many cores the lab is guaranteed; it may borrow the others.
    pub(crate) fn guaranteed(&self) -> u32 {
        self.cores / 2
    }

    /// Step 1: a pool, and a contract that both have signed.
    pub(crate) fn lend(&mut self, home: &Home) -> Result<()> {
        let pools: Vec<PoolView> = self.owner.list("/api/pools")?;
        let pool = match pools.into_iter().find(|pool| pool.name == POOL) {
            Some(pool) => pool,
            None => self.owner.post(
                "/api/pools",
                &PoolRequest {
                    name: POOL.to_owned(),
                    cores: Some(self.cores),
                    shares_per_core: None,
                    topology: None,
                    rehearsal: false,
                },
            )?,
        };
        self.cores = pool.chips;
        let contracts: Vec<ContractView> = self.owner.list("/api/contracts")?;
        let contract = match contracts.into_iter().find(|contract| contract.standing != "ended") {
            Some(contract) => contract,
            None => self.offer(home, &pool)?,
        };
        let contract = if contract.standing == "offered" { self.sign(home, &contract)? } else { contract };
        let (own, borrowed) = (self.guaranteed(), self.cores - self.guaranteed());
        let cores = self.cores;
        let (notice, bound) = (&contract.terms.notice, &contract.recall_bound);
        let line = self.screen.pick(
            format!("pool `{POOL}`: {cores} cores · contract {OWNER} → {LAB}: {own} guaranteed, {borrowed} borrowed, notice {notice}, recall bound {bound} · signed by both"),
            format!("pool `{POOL}` : {cores} cœurs · contrat {OWNER} → {LAB} : {own} garanti, {borrowed} emprunté, préavis {notice}, borne de rappel {bound} · signé par les deux"),
        );
        self.screen.tell("1", "lend", &line);
        let note = self.screen.pick(
            "the control plane and its page use a little of these cores themselves; the console says how much",
            "le plan de contrôle et sa page utilisent eux-mêmes un peu de ces cœurs ; la console dit combien",
        );
        self.screen.more(&note);
        Ok(())
    }

    fn offer(&self, home: &Home, pool: &PoolView) -> Result<ContractView> {
        let id = |client: &Client| -> Result<String> { Ok(client.get::<MeView>("/api/me")?.organisation.id) };
        let starts = crate::clock::now();
        let terms = TermsWire {
            owner: id(&self.owner)?,
            lab: id(&self.lab)?,
            pool: pool.id.clone(),
            guarantee: vec![format!("{} chips", self.guaranteed())],
            borrow_limit: format!("{} chips", self.cores - self.guaranteed()),
            lend_limit: format!("{} chips", self.guaranteed()),
            notice: "3s".to_owned(),
            kill_grace: "1s".to_owned(),
            hand_over: "1s".to_owned(),
            minimum_term: None,
            calendar: None,
            starts: starts.to_string(),
            ends: Instant::plus(starts, CONTRACT_LIFE).to_string(),
            guaranteed_price: "0.02 USD/core-hour".to_owned(),
            borrowed_price: "0.01 USD/core-hour".to_owned(),
            rounding: "half-even".to_owned(),
            clauses: Vec::new(),
        };
        let contract = ContractId::from_bits(draw::bits()?);
        let bytes = terms.to_terms()?.signing_bytes(contract);
        let signature = home.ensure_signing_key(OWNER)?.sign(&bytes).to_string();
        self.owner.post("/api/contracts", &ContractRequest { id: contract.to_string(), terms, signature })
    }

    fn sign(&self, home: &Home, contract: &ContractView) -> Result<ContractView> {
        let id: ContractId = contract.id.parse()?;
        let signature =
            home.ensure_signing_key(LAB)?.sign(&contract.terms.to_terms()?.signing_bytes(id)).to_string();
        self.lab.post(&format!("/api/contracts/{id}/signature"), &SignatureRequest { signature })
    }
}
