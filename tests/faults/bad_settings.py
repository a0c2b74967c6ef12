"""What is said wrongly on a command line or in a preset."""

from bad_case import Case


def preset(text):
    """Return what writes a preset ``theirs`` into a folder ``shared``."""

    def given(here):
        (here / "shared" / "experiment").mkdir(parents=True)
        (here / "shared" / "experiment" / "theirs.yaml").write_text(f"# @package _global_\n{text}")

    return given


THEIRS = "run --config-dir shared experiment=theirs"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)

NAMES = [
    Case("setting misspelt", "GAS rouns=3", ("rouns is not a setting", "did you mean rounds?")),
    Case("setting of a part misspelt", "GAS labeler.courent=1", ("labeler.courent", "did you mean courant?")),
    Case("setting of the audits misspelt", "GAS audit.tolerence=1", ("audit.tolerence", "did you mean tolerance?")),
    Case("part misspelt", "GAS labeler=relaxaton", ("labeler=relaxaton is not installed", "did you mean relaxation?")),
    Case("executor misspelt", "GAS executor=proceses", ("executor=proceses", "did you mean processes?")),
    Case("preset misspelt", "run experiment=argn", ("experiment=argn is not installed", "did you mean argon?")),
    Case("kind of part misspelt", "GAS labler=relaxation", ("labler is not a setting", "did you mean labeler?")),
    Case("slot that no part has", "GAS model/descriptor=smooth", ("model/descriptor", "No match")),
    Case("setting added that nobody has", "GAS +extra=1", ("extra is not a setting", "There is: seed, rounds")),
    Case("setting of a part that is not chosen", "GAS validation.samples=3", ("validation", "choose it first")),
    Case("part left out that is needed", "GAS labeler=null", ("labeler is missing", "labeler=NAME")),
    Case("system left out that a part needs", "GAS system=null", ("needs system", "system=NAME")),
    Case("said in a part, not at the top", "GAS explorer.system=lorentz_gas", ("at the top, with system=VALUE",)),
    Case("parts of two domains", "GAS labeler=harmonic_well", ("labeler=harmonic_well (walkers)", "Choose all of one")),
    Case("system of another domain", "GAS system=crystal", ("different domains", "system=crystal (atoms)")),
]
VALUES = [
    Case("word for a number", "GAS rounds=many", ("rounds: Value 'many'", "a whole number, as in rounds=2")),
    Case("fraction for a whole number", "GAS seed=1.5", ("seed", "'1.5'", "a whole number")),
    Case("list for a number", "GAS rounds=[1,2]", ("rounds", "'[1, 2]'", "a whole number")),
    Case("mapping for a number", "GAS rounds={a:1}", ("rounds", "Give rounds=VALUE")),
    Case("truth for a number", "GAS seed=true", ("seed", "'True'", "a whole number")),
    Case("nothing for a number", "GAS rounds=", ("rounds: Value ''", "Give rounds=VALUE")),
    Case("text for a real number", "GAS labeler.courant=fast", ("labeler.courant", "'fast'", "a number")),
    Case("infinite number", "GAS rounds=1e400", ("rounds", "'inf'", "a whole number")),
    Case("infinite tolerance", "GAS audit.tolerance=1e400", ("audit.tolerance=inf", "a number above 0")),
    Case("tolerance that is no number", "GAS audit.tolerance=nan", ("audit.tolerance=nan", "a number above 0")),
    Case("negative tolerance", "GAS audit.tolerance=-1", ("audit.tolerance=-1.0", "a number above 0")),
    Case("probability above 1", "GAS audit.confidence=2", ("audit.confidence=2.0", "between 0 and 1")),
    Case("rate of 0", "GAS audit.failure_rate=0", ("audit.failure_rate=0.0", "between 0 and 1")),
    Case("no rounds", "GAS rounds=0", ("rounds=0", "at least one round", "give rounds=N")),
    Case("negative rounds", "GAS rounds=-1", ("rounds=-1", "give rounds=N")),
    Case("no members", "GAS committee=0", ("committee=0", "at least one member", "give committee=N")),
    Case("very many members", "GAS committee=100000000000", ("committee=100000000000", "N <= 1000")),
    Case("no budget", "GAS labels=0", ("labels=0", "at least one label")),
    Case("negative seed", "GAS seed=-1", ("seed=-1", "give seed=N, N >= 0")),
    Case("memory that is none", "GAS memory=some", ("memory=some", "memory=all, memory=latest")),
    Case("memory beyond all numbers", f"GAS memory={'9' * 30}", ("memory=999", "memory=N for the N newest")),
    Case("no configurations to explore", "GAS explorer.problems=0", ("explorer.problems=0", "give 1 or more")),
    Case("more than there is memory for", f"GAS explorer.problems={10**12}", ("TiB", "Give smaller numbers")),
    Case("no workers", "GAS executor=processes executor.workers=0", ("executor.workers=0", "give 1 or more")),
    Case("unstable time step", "GAS labeler.courant=nan", ("labeler.courant=nan", "in (0, 1]")),
    Case(
        "thresholds the wrong way round",
        "GAS selector=trust_levels selector.low=2 selector.high=1",
        ("selector.low=2.0 and selector.high=1.0", "0 < low < high"),
    ),
    Case("threshold that is no number", "GAS selector=trust_levels selector.low=nan", ("nan", "0 < low < high")),
    Case("time limit below 0", "GAS limits.seconds=-1", ("limits.seconds=-1", "give")),
    Case("memory limit without worker processes", "GAS limits.gigabytes=1", ("gigabytes", "executor=processes")),
    Case("unknown element", "ATOMS system.name=Qq", ("system: name=Qq cannot be built", "Give an element")),
    Case(
        "element that the labeler lacks",
        "ATOMS labeler=ase_calculator labeler.calculator=emt",
        ("EMT has no parameters for Ar", "Choose another"),
    ),
    Case("negative lattice constant", "ATOMS system.a=-3", ("a=-3.0 is no length", "in Å")),
    Case("crystal repeated 0 times", "ATOMS system.repeat=[0,1,1]", ("repeat=[0, 1, 1]", "each 1 or more")),
]
LINES = [
    Case("no value at all", "GAS rounds", ("rounds cannot be read", "write KEY=VALUE")),
    Case("no name", "GAS =3", ("=3 sets nothing", "write KEY=VALUE")),
    Case("unquoted spaces", "GAS 'rounds=1 2'", ("rounds: Value '1 2'", "a whole number")),
    Case("several values without a sweep", "GAS seed=1,2", ("seed=1,2", "--multirun")),
    Case("unknown flag", "GAS --nonsense", ("usage: elt", "unrecognized arguments: --nonsense")),
    Case("deep nesting", f"GAS 'seed={'[' * 3000}'", ("seed=[[[",)),
    Case("reference to nothing", "GAS 'seed=${nowhere}'", ("seed", "'nowhere' not found")),
    Case("reference to itself", "GAS 'seed=${seed}'", ("seed", "Recursive interpolation", "Give seed=VALUE")),
    Case("verbosity that is none", "GAS hydra.verbose=3", ("hydra.verbose=3", "true, false or names of loggers")),
    Case("sweep with a wrong type", "GAS -m seed=1,x", ("seed: Value 'x'", "a whole number")),
    Case(
        "sweep with a wrong value, whose other jobs run",
        "GAS -m rounds=1,-1",
        ("rounds=-1", "give rounds=N", "not every job of the sweep ended well"),
    ),
    Case(
        "labelled data that are nowhere",
        "run experiment=water_dataset data=nowhere",
        ("data=nowhere does not exist", "give data=PATH"),
    ),
    Case("no labelled data", "GAS validation=labelled", ("validation needs data", "say data=PATH")),
]
HOSTILE = [
    Case("name of a Python object", "GAS +labeler._target_=os.system", ("labeler._target_=os.system: refused",)),
    Case(
        "name of a Python object for Hydra",
        "GAS +hydra.callbacks.x._target_=os.system",
        ("hydra.callbacks", "refused", "Leave it out"),
    ),
    Case("import path", "GAS labeler=os.system", ("labeler=os.system is not installed", "There is:")),
    Case("path for a name", "GAS labeler=../../etc/passwd", ("is not installed", "There is:")),
    Case(
        "variable of the environment", "GAS 'data=${oc.env:HOME}'", ("data=${oc.env:HOME}: refused", "Write the value")
    ),
    Case("decoded text", "GAS 'data=${oc.decode:abc}'", ("data=${oc.decode", "refused", "Write the value")),
    Case("secret", "GAS '+labeler.password=hunter2'", ("labeler.password=…: refused", "hold no secrets")),
    Case(
        "address with a password", "GAS store=postgresql://me:hunter2@host/labels", ("store=…: refused", "no secrets")
    ),
    Case("logging into a path of its own", "GAS hydra.job.name=../../x", ("hydra.job.name=../../x: refused",)),
    Case("modules from anywhere", "GAS hydra.searchpath=[pkg://os]", ("hydra.searchpath", "refused", "--config-dir")),
    Case(
        "preset with an object to call",
        THEIRS,
        ("hydra.callbacks", "refused", "Leave it out"),
        given=preset("hydra: {callbacks: {x: {_target_: os.system}}}\n"),
    ),
    Case(
        "preset with the environment in it",
        THEIRS,
        ("data=${oc.env:AWS_SECRET_ACCESS_KEY}: refused",),
        given=preset("data: ${oc.env:AWS_SECRET_ACCESS_KEY}\n"),
    ),
    Case("preset that fills the memory", THEIRS, ("theirs.yaml cannot be read", "is an alias"), given=preset(BOMB)),
    Case("preset of 2 MB", THEIRS, ("theirs.yaml cannot be read", "bytes"), given=preset("#" * 2_000_000)),
    Case("preset nested without end", THEIRS, ("theirs.yaml cannot be read", "deep"), given=preset("x: " + "[" * 900)),
    Case("preset that is no YAML", THEIRS, ("theirs.yaml cannot be read", "line 2"), given=preset("seed: [1\n")),
]
CASES = [*NAMES, *VALUES, *LINES, *HOSTILE]
