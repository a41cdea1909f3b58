// What the fake's console answers: an owner, a lab that borrows from it, and an organisation that has nothing yet.

const GATED = { trained_by: "workload-1", gated_by: "workload-2" };

/** The console's view for a reader at this moment. */
export function view({ reader, french, window_s }) {
  const now = Date.now();
  const at = (seconds) => new Date(now + seconds * 1000).toISOString();
  const head = { now: at(0), roles: ["view", "operate", "sign"] };
  const control_plane = { cpu_milli: 12, memory_bytes: 48_000_000, journal_records: 2812 };
  const organisation = { id: `org-${reader}`, name: reader, operator: reader === "aurora" };
  const empty = { pools: [], contracts: [], workloads: [], invoices: [], releases: [], endpoints: [] };
  if (reader === "new") {
    return { ...head, organisation, ...empty, control_plane };
  }
  const words = french ? FRENCH : ENGLISH;
  const isOwner = reader === "aurora";
  return {
    ...head,
    organisation,
    pools: [pool({ at, isOwner, window_s })],
    contracts: [contract(at)],
    workloads: workloads(at, words, isOwner),
    invoices: [invoice(at, 2), invoice(at, 1)],
    releases: [{ reference: "chat-nano@1", model: "chat-nano", version: 1, released_at: at(-95), ...GATED }],
    endpoints: [{ model: "chat-nano@1", workload: "serve-chat-nano", state: "running" }],
    control_plane,
  };
}

/** Who owes whom: the owner has two labs, a lab sees itself only. */
export function money(reader) {
  const isOwner = reader === "aurora";
  const flow = (from, total, share) => ({ from, to: "aurora", sums: { total }, share, sources: ["contract-1/1", "contract-1/2"] });
  const own = flow("lyra", "0.000806 USD", isOwner ? 0.6448 : 1);
  const flows = isOwner ? [own, flow("vega", "0.000444 USD", 0.3552)] : [own];
  const gross = isOwner ? "0.00125 USD" : "0.000806 USD";
  const netted = { netted_by_pairs: gross, netted_by_all: gross, netted_in_one_pot: gross };
  const round = { circulating: "0.00 USD", circulating_share: 0, balanced: "0.00 USD", balanced_share: 0, finn: 0 };
  const figures = { gross, ...netted, ...round, cycle_count: 0, cycles_are_all: true };
  return { items: reader === "new" ? [] : [{ asset: "USD", parties: ["aurora", "lyra"], flows, figures }], next: null };
}

/** What the machine enforces: two of four protections. */
export function machine(french) {
  const one = (protection, support, [name, says], detail) => ({ protection, support, name, says, detail });
  const words = french ? MACHINE_FR : MACHINE_EN;
  return {
    protections: [
      one("files", "enforced", words.files, null),
      one("cores", "enforced", words.cores, null),
      one("memory", "weaker", words.memory, "the limit holds for each process's own memory"),
      one("disk", "unavailable", words.disk, "nothing adds up what the files in a work folder hold"),
    ],
  };
}

const MACHINE_EN = {
  files: ["own files", "a program sees only the files of its order and the system's programs"],
  cores: ["cores", "a program stays on the cores of its lease"],
  memory: ["memory limit", "each process's own memory is limited; the sum of several, and what they share, is not"],
  disk: ["disk limit", "a program can fill the disk of the data folder; keep that folder on a disk or a quota of its own"],
};

const MACHINE_FR = {
  files: ["fichiers à part", "un programme ne voit que les fichiers de son ordre et les programmes du système"],
  cores: ["cœurs", "un programme reste sur les cœurs de son bail"],
  memory: ["limite de mémoire", "la mémoire propre de chaque processus est limitée ; la somme de plusieurs ne l'est pas"],
  disk: ["limite de disque", "un programme peut remplir le disque du dossier de données ; donnez-lui un quota à lui"],
};

function pool({ at, isOwner, window_s }) {
  const lab = (workload) => ({ organisation: "lyra", workload: isOwner ? null : workload });
  const intervals = [
    { cell: 2, from: at(-290), to: at(-120), kind: "own", ...lab("chat-nano") },
    { cell: 3, from: at(-262), to: at(-205), kind: "borrowed", ...lab("chat-nano") },
    { cell: 3, from: at(-150), to: at(-121), kind: "borrowed", ...lab("chat-nano") },
    { cell: 2, from: at(-119), to: at(-104), kind: "own", ...lab("gate-chat-nano") },
    { cell: 2, from: at(-95), to: null, kind: "own", ...lab("serve-chat-nano") },
    { cell: 3, from: at(-64), to: null, kind: "borrowed", ...lab("hybrid-7") },
  ];
  if (isOwner) {
    const owners = { organisation: "aurora", workload: "nightly-evaluation" };
    intervals.push({ cell: 3, from: at(-202), to: at(-152), kind: "own", ...owners });
  }
  const serving = { kind: "own", ...lab("serve-chat-nano"), workload_id: null, since: at(-95), leaves_by: null };
  const leaving = { kind: "borrowed", ...lab("hybrid-7"), workload_id: null, since: at(-64), leaves_by: at(3) };
  return {
    id: "pool-1",
    name: "this-machine",
    owner: "aurora",
    mine: isOwner,
    chips: isOwner ? 3 : 2,
    free: isOwner ? 1 : 0,
    model: "cpu-core",
    cells: [
      { index: 2, device: 0, holding: serving },
      { index: 3, device: 1, holding: leaving },
      ...(isOwner ? [{ index: 4, device: 2, holding: null }] : []),
    ],
    strip: { from: at(-window_s), to: at(0), intervals },
  };
}

const used = (count) => `${count} chip-seconds`;
const price = (amount) => `${amount} USD/chip-hour`;

const ENGLISH = {
  recalling: (time) => `its borrowed cells are being taken back; they must be free by ${time}`,
  busy: (time) => `all 2 chips that it may use are held; the next is free at ${time}`,
  status: "status 1: the text file is empty",
};

const FRENCH = {
  recalling: (time) => `ses cellules empruntées sont reprises ; elles doivent être libres à ${time}`,
  busy: (time) => `les 2 puces qu’il peut utiliser sont tenues ; la prochaine est libre à ${time}`,
  status: "statut 1 : le fichier texte est vide",
};

function contract(at) {
  return {
    id: "contract-1",
    owner: "aurora",
    lab: "lyra",
    pool: "this-machine",
    standing: "signed",
    recall_bound: "5s",
    terms: {
      guarantee: ["1 chip"],
      borrow_limit: "1 chip",
      lend_limit: "1 chip",
      notice: "3s",
      kill_grace: "1s",
      hand_over: "1s",
      starts: at(-600),
      ends: at(86_400 * 90),
      guaranteed_price: price("0.02"),
      borrowed_price: price("0.01"),
      rounding: "half-even",
    },
    unbilled: { guaranteed: used("72.5"), borrowed: used("48") },
  };
}

function workloads(at, words, isOwner) {
  const clock = at(3).slice(11, 19);
  const base = { organisation: "lyra", pool: "this-machine", least: "1 chip", most: "1 chip", epoch: 1 };
  const plain = { ...base, chips: 0, reason: null, exit: null, ended_at: null, serves: null };
  const ofLab = [
    { id: "workload-3", name: "serve-chat-nano", state: "running", chips: 1, serves: "chat-nano@1", submitted_at: at(-96) },
    {
      id: "workload-4",
      name: "hybrid-7",
      state: "leaving",
      chips: 1,
      submitted_at: at(-64),
      reason: { code: "recalling", text: words.recalling(clock) },
    },
    {
      id: "workload-5",
      name: "hybrid-8",
      state: "waiting",
      most: "2 chips",
      submitted_at: at(-20),
      reason: { code: "busy", text: words.busy(clock) },
    },
    { id: "workload-6", name: "empty-text", state: "failed", submitted_at: at(-280), ended_at: at(-279), exit: words.status },
    { id: "workload-2", name: "gate-chat-nano", state: "done", submitted_at: at(-120), ended_at: at(-104) },
    { id: "workload-1", name: "chat-nano", state: "done", most: "2 chips", epoch: 4, submitted_at: at(-291), ended_at: at(-120) },
  ];
  const ofOwner = [
    { id: "workload-9", name: "nightly-evaluation", state: "cancelled", organisation: "aurora", submitted_at: at(-204) },
  ];
  return (isOwner ? ofOwner : ofLab).map((workload) => ({ ...plain, ...workload }));
}

function invoice(at, number) {
  const line = (kind, seconds, dollars, amount) => ({
    kind,
    used: used(seconds),
    price: price(dollars),
    amount: `${amount} USD`,
  });
  return {
    contract: "contract-1",
    number,
    owner: "aurora",
    lab: "lyra",
    from: at(-300 * number),
    to: at(-300 * (number - 1)),
    total: "0.000536 USD",
    records: 7,
    lines: [line("guaranteed", "72.5", "0.02", "0.000403"), line("borrowed", "48", "0.01", "0.000133")],
  };
}
