//! Wire types: what goes over HTTP, their conversion from and to the core's values, and the words
//! of every reason in English and French.
//!
//! This is the one place where requests are checked for form, and the one crate that both lanes may
//! know. It never reads a request or a clock itself.

mod adjust;
mod catalogue;
mod console;
mod contract;
mod machine;
mod money;
mod payment;
mod problem;
mod region;
mod request;
mod topology;
mod views;
mod what_if;

pub use adjust::{AdjustRequest, NearWire};
pub use catalogue::{Lang, complaint_text, exit_text, explain_hint, refusal_text, wait_text};
pub use console::{
    CellView, ConsoleView, ControlPlaneView, EndpointView, HoldingView, IntervalView, PoolView, StripView,
    kind_text,
};
pub use contract::{ContractRequest, ContractView, ShortfallView, SignatureRequest, TermsWire, UnbilledView};
pub use machine::{MachineView, Protection, ProtectionView, SupportWord};
pub use money::{
    CycleView, FailureView, FlowFact, FlowView, MoneyFiguresView, MoneyView, Ratio, StressView, SumsView,
    TripView, own_money,
};
pub use payment::{BookedView, PaymentRequest, PaymentView, StatementView};
pub use problem::Problem;
pub use region::{CELLS_MAX, CellsRequest, NoAnswer, RegionCellView, RegionView, ShareView};
pub use request::{
    BatchRequest, CollectRequest, InputWire, KeyRequest, OrganisationRequest, PlaceRequest, PoolRequest,
    PublicKeyRequest, QuotaRequest, ReleaseRequest, WorkloadRequest,
};
pub use topology::{EXAMPLES, TopologyFault, Wrong, read_topology};
pub use views::{
    ArtefactView, BatchView, CreatedKey, CreatedOrganisation, ExplainView, InvoiceView, KeyView, LineView,
    MeView, OrganisationDetailView, OrganisationView, Page, ReasonView, ReleaseView, WorkloadView, roles_of,
};
pub use what_if::{ForeseenView, PromisedView, RecalledView};

#[cfg(test)]
mod tests;
