//! The words of `sinew money`, in English and French.

use crate::plot::short;
use sinew_api::{Lang, MoneyView, Ratio, StressView, SumsView};
use std::path::Path;

/// The words of one language.
#[derive(Clone, Copy)]
pub(super) struct Say(pub(super) Lang);

impl Say {
    fn pick<T>(self, english: T, french: T) -> T {
        match self.0 {
            Lang::En => english,
            Lang::Fr => french,
        }
    }

    /// What a view is about.
    pub(super) fn title(self, view: &MoneyView) -> String {
        let (count, flows, asset) = (view.parties.len(), view.flows.len(), &view.asset);
        let rows = match view.set.as_str() {
            "firm" => self.pick("firm deals", "opérations fermes"),
            "all" => self.pick("all deals that count", "toutes les opérations qui comptent"),
            _ => self.pick("your own invoices", "vos propres factures"),
        };
        self.pick(
            format!("Where money goes: {rows}, {count} parties, {flows} flows, in {asset}"),
            format!("Où va l'argent : {rows}, {count} parties, {flows} flux, en {asset}"),
        )
    }

    pub(super) fn nothing(self) -> &'static str {
        self.pick(
            "no invoice has you on either side yet; `sinew money --deals FILE` reads a table of deals",
            "aucune facture ne vous concerne encore ; `sinew money --deals FICHIER` lit un tableau d'opérations",
        )
    }

    pub(super) fn refused(self, file: &Path) -> String {
        let file = file.display();
        self.pick(
            format!("{file} has wrong rows, so nothing was counted:"),
            format!("{file} a des lignes fausses, donc rien n'a été compté :"),
        )
    }

    pub(super) fn more(self, count: usize) -> String {
        self.pick(format!("… and {count} more"), format!("… et {count} autres"))
    }

    pub(super) fn too_large(self, file: &Path) -> String {
        let file = file.display();
        self.pick(
            format!("the amounts in {file} add up to more than can be counted: look for digits too many"),
            format!(
                "les montants de {file} dépassent ce qui peut être compté : cherchez des chiffres en trop"
            ),
        )
    }

    pub(super) fn unknown_party(self, party: &str, file: &Path) -> String {
        let file = file.display();
        self.pick(
            format!("nobody is called `{party}` in {file}: write the name as it stands in `from` or `to`"),
            format!("personne ne s'appelle `{party}` dans {file} : écrivez le nom comme dans `from` ou `to`"),
        )
    }

    pub(super) fn figures_head(self) -> [&'static str; 3] {
        self.pick(["FIGURE", "AMOUNT", "OF GROSS"], ["CHIFFRE", "MONTANT", "DU BRUT"])
    }

    pub(super) fn figures(self, view: &MoneyView) -> Vec<Vec<String>> {
        let found = &view.figures;
        let gross = self.number(&found.gross);
        let row = |name: &str, amount: String, share: String| vec![name.to_owned(), amount, share];
        let amount = |name: &str, amount: &str| {
            let share = if gross == 0.0 { 0.0 } else { self.number(amount) / gross };
            row(name, short(amount, self.0), self.share(Ratio(share)))
        };
        let least = if found.balanced_is_whole { "" } else { "≥ " };
        let finn = match (found.finn_is_settled, found.finn_error.0) {
            (false, _) => self.pick("not found", "non trouvé").to_owned(),
            (true, 0.0) => self.share(found.finn),
            (true, _) => format!("{} ± {}", self.share(found.finn), self.share(found.finn_error)),
        };
        let count = if found.cycles_are_all {
            found.cycle_count.to_string()
        } else {
            self.pick(format!("at least {}", found.cycle_count), format!("au moins {}", found.cycle_count))
        };
        vec![
            amount(self.pick("gross", "brut"), &found.gross),
            amount(self.pick("netted by pairs", "compensé par paires"), &found.netted_by_pairs),
            amount(self.pick("netted by all", "compensé par tous"), &found.netted_by_all),
            amount(self.pick("netted in one pot", "compensé en un pot"), &found.netted_in_one_pot),
            amount(self.pick("circulating", "en circulation"), &found.circulating),
            row(
                self.pick("balanced", "équilibré"),
                format!("{least}{}", short(&found.balanced, self.0)),
                format!("{least}{}", self.share(found.balanced_share)),
            ),
            row(self.pick("Finn's index", "indice de Finn"), String::new(), finn),
            row(self.pick("cycles", "cycles"), count, String::new()),
        ]
    }

    pub(super) fn classes_head(self) -> [&'static str; 5] {
        self.pick(
            ["YEAR", "CASH", "PROMISED", "PAPER", "TOTAL"],
            ["ANNÉE", "VERSÉ", "PROMIS", "PAPIER", "TOTAL"],
        )
    }

    pub(super) fn classes(self, view: &MoneyView) -> Vec<Vec<String>> {
        let row = |name: &str, sums: &SumsView| {
            let cells = [&sums.cash, &sums.commitments, &sums.paper, &sums.total];
            let mut row = vec![name.to_owned()];
            row.extend(cells.map(|cell| short(cell, self.0)));
            row
        };
        let mut rows: Vec<_> = view.years.iter().map(|(year, sums)| row(year, sums)).collect();
        rows.push(row(self.pick("all", "tout"), &view.sums));
        rows
    }

    pub(super) fn trips_head(self) -> [&'static str; 6] {
        self.pick(
            ["INVESTOR -> RECEIVER", "INVESTED", "COMES BACK", "SHARE", "IN 2 PAYMENTS", "IN 3"],
            ["INVESTISSEUR -> BÉNÉFICIAIRE", "INVESTI", "REVIENT", "PART", "EN 2 PAIEMENTS", "EN 3"],
        )
    }

    pub(super) fn trips(self, view: &MoneyView) -> Vec<Vec<String>> {
        let row = |trip: &sinew_api::TripView| {
            vec![
                format!("{} -> {}", trip.from, trip.to),
                short(&trip.invested, self.0),
                short(&trip.back, self.0),
                self.share(trip.back_share),
                short(&trip.back_in_two, self.0),
                short(&trip.back_in_three, self.0),
            ]
        };
        view.trips.iter().map(row).collect()
    }

    pub(super) fn cycles_head(self) -> [&'static str; 2] {
        self.pick(["SMALLEST FLOW", "CYCLE"], ["PLUS PETIT FLUX", "CYCLE"])
    }

    pub(super) fn cycles(self, view: &MoneyView) -> Vec<Vec<String>> {
        let row =
            |cycle: &sinew_api::CycleView| vec![short(&cycle.least, self.0), cycle.parties.join(" -> ")];
        view.figures.cycles.iter().map(row).collect()
    }

    /// What was asked and how much is lost.
    pub(super) fn stress(self, stress: &StressView) -> String {
        let (party, lost) = (&stress.party, short(&stress.lost, self.0));
        let most = if stress.is_settled { "" } else { self.pick("at least ", "au moins ") };
        match stress.shock.as_str() {
            "stops" => self.pick(
                format!("If {party} stops paying: creditors lose {most}{lost}"),
                format!("Si {party} cesse de payer : les créanciers perdent {most}{lost}"),
            ),
            _ => self.pick(
                format!("If shares in {party} are worth half: creditors lose {most}{lost}"),
                format!("Si les titres de {party} valent moitié moins : les créanciers perdent {most}{lost}"),
            ),
        }
    }

    pub(super) fn failures_head(self) -> [&'static str; 4] {
        self.pick(["ROUND", "FAILS", "OWES", "PAYS"], ["TOUR", "DÉFAUT", "DOIT", "PAIE"])
    }

    pub(super) fn failures(self, stress: &StressView) -> Vec<Vec<String>> {
        let row = |failure: &sinew_api::FailureView| {
            let (owed, paid) = (short(&failure.owed, self.0), short(&failure.paid, self.0));
            vec![failure.round.to_string(), failure.party.clone(), owed, paid]
        };
        stress.failures.iter().map(row).collect()
    }

    fn share(self, ratio: Ratio) -> String {
        format!("{:.4}", ratio.0).replacen('.', self.pick(".", ","), 1)
    }

    fn number(self, amount: &str) -> f64 {
        amount.parse::<sinew_types::Money>().map_or(0.0, |money| money.units as f64)
    }
}
