"""Reseeds the random numbers of a Python program in a fork of its machine.

`lull install --preload=python` installs this module, and a .pth file that imports it at
the start of every Python. Nothing else changes until a program imports one of the
modules below; then each draw first looks whether the generation changed:

- random: every generator that the program has not seeded itself is seeded anew. A
  generator that was given a seed keeps its sequence. One whose state was set with
  setstate counts as not seeded.
- numpy.random: the same for the functions of the module and for default_rng().
- uuid: uuid1 and uuid6 get a new node, because they are made of the clock and of it.
- ssl: OpenSSL gets new entropy before a handshake and before RAND_bytes.

`secrets`, os.urandom and random.SystemRandom ask the kernel, and are left alone.
"""
import os
import sys
from time import monotonic

# The file that the agent replaces in every recovery, before the workload is thawed.
PATH = os.environ.get("LULL_GENERATION_FILE") or "/run/lull/generation"

# A look is valid for so many seconds. Freeze, snapshot and thaw of a workload take
# longer: a program that was frozen in between looks again.
VALID = 0.0001

# The number of changes that this process has seen.
changes = 0

_looked = monotonic()


def _sign():
    try:
        found = os.stat(PATH)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


_seen = _sign()


def look():
    """The number of changes; asks the file if the last look is too old."""
    global changes, _looked, _seen
    now = monotonic()
    if not 0 <= now - _looked < VALID:
        sign = _sign()
        if sign is not None and sign != _seen:
            _seen = sign
            changes += 1
        _looked = now
    return changes


def _patch_random(module):
    Random = module.Random
    base = Random.__mro__[1]
    draw, bits, seed = base.random, base.getrandbits, Random.seed

    # Of each generator: the change after which it was seeded; None if it was given a seed.
    Random._lull = 0

    def renew(self):
        if self._lull is not None and self._lull != look():
            seed(self)
            self._lull = changes

    # The looks of these two are spelled out: calls are what costs most.
    def random(self):
        if self._lull != changes or not 0 <= monotonic() - _looked < VALID:
            renew(self)
        return draw(self)

    def getrandbits(self, k):
        if self._lull != changes or not 0 <= monotonic() - _looked < VALID:
            renew(self)
        return bits(self, k)

    def reseed(self, *args, **kwargs):
        seed(self, *args, **kwargs)
        given = args[0] if args else kwargs.get("a")
        self._lull = look() if given is None else None

    def getstate(self):
        renew(self)
        return get(self)

    def setstate(self, state):
        put(self, state)
        self._lull = look()

    def gauss(self, *args, **kwargs):
        renew(self)  # it may have a second number left from the last call
        return normal(self, *args, **kwargs)

    get, put, normal = Random.getstate, Random.setstate, Random.gauss
    for new, old in (
        (random, draw),
        (getrandbits, bits),
        (reseed, seed),
        (getstate, get),
        (setstate, put),
        (gauss, normal),
    ):
        new.__name__, new.__doc__ = old.__name__, old.__doc__
        new.__qualname__ = "Random." + old.__name__
        setattr(Random, old.__name__, new)
    # SystemRandom asks the kernel. It inherits gauss, which needs no look there.
    module.SystemRandom._lull = None
    module.SystemRandom.gauss = normal
    shared = module._inst
    for name in ("random", "getrandbits", "seed", "getstate", "setstate", "gauss"):
        setattr(module, name, getattr(shared, name))


def _patch_numpy(module):
    shared = module.mtrand._rand
    state = {"seen": look()}

    def wrap(name, draw):
        def call(*args, **kwargs):
            if state["seen"] is not None and state["seen"] != look():
                shared.seed()
                state["seen"] = changes
            return draw(*args, **kwargs)

        call.__name__ = name
        call.__doc__ = draw.__doc__
        return call

    def reseed(*args, **kwargs):
        shared.seed(*args, **kwargs)
        given = args[0] if args else kwargs.get("seed")
        state["seen"] = look() if given is None else None

    reseed.__name__ = "seed"
    module.seed = reseed
    for name in dir(shared) + ["ranf", "sample"]:
        draw = getattr(module, name, None)
        if name == "seed" or name.startswith("_") or not callable(draw):
            continue
        setattr(module, name, wrap(name, draw))

    class Generator(module.Generator):
        """A Generator without a seed, which gets a new state in a fork."""

    def wrap_method(name):
        draw = getattr(module.Generator, name)

        def call(self, *args, **kwargs):
            if seen_by.get(self) != look():
                self.bit_generator.state = type(self.bit_generator)().state
                seen_by[self] = changes
            return draw(self, *args, **kwargs)

        call.__name__ = name
        call.__doc__ = draw.__doc__
        return call

    seen_by = _ByIdentity()
    for name in dir(module.Generator):
        if not name.startswith("_") and name not in ("bit_generator", "spawn"):
            setattr(Generator, name, wrap_method(name))
    make = module.default_rng

    def default_rng(seed=None):
        rng = make(seed)
        if seed is None:
            rng = Generator(rng.bit_generator)
            seen_by[rng] = look()
        return rng

    default_rng.__doc__ = make.__doc__
    module.default_rng = default_rng


class _ByIdentity:
    """What was seen by generators, which need not be hashable; the objects have a dict."""

    def get(self, owner):
        return owner.__dict__.get("_lull")

    def __setitem__(self, owner, value):
        owner.__dict__["_lull"] = value


def _patch_uuid(module):
    state = {"seen": look(), "node": None}

    def wrap(make):
        def call(node=None, clock_seq=None):
            if state["seen"] != look():
                state["seen"] = changes
                # A random node has the multicast bit (RFC 9562, 6.10).
                node_bytes = int.from_bytes(os.urandom(6), "big")
                state["node"] = node_bytes | (1 << 40)
            if state["node"] is not None:
                node = state["node"] if node is None else node
                if clock_seq is None:
                    clock_seq = int.from_bytes(os.urandom(2), "big") & 0x3FFF
            return make(node, clock_seq)

        call.__name__ = make.__name__
        call.__doc__ = make.__doc__
        return call

    for name in ("uuid1", "uuid6"):
        if hasattr(module, name):
            setattr(module, name, wrap(getattr(module, name)))


def _patch_ssl(module):
    state = {"seen": look()}

    def before(make):
        def call(*args, **kwargs):
            if state["seen"] != look():
                # The generators of all threads then take a seed from this one.
                module.RAND_add(os.urandom(48), 48.0)
                state["seen"] = changes
            return make(*args, **kwargs)

        call.__name__ = make.__name__
        call.__doc__ = make.__doc__
        return call

    module.RAND_bytes = before(module.RAND_bytes)
    for owner in (module.SSLSocket, module.SSLObject):
        owner.do_handshake = before(owner.do_handshake)
    context = module.SSLContext
    for name in ("wrap_socket", "wrap_bio"):
        setattr(context, name, before(getattr(context, name)))


_PATCHES = {
    "random": _patch_random,
    "numpy.random": _patch_numpy,
    "uuid": _patch_uuid,
    "ssl": _patch_ssl,
}


def _patch(module):
    try:
        _PATCHES[module.__name__](module)
    except Exception as error:  # an unknown version of the module: the program goes on
        print(f"lull: Cannot reseed {module.__name__} in forks: {error!r}", file=sys.stderr)


class _Finder:
    """Lets the other finders find a module, and patches it when it was executed."""

    def find_spec(self, name, path=None, target=None):
        if name not in _PATCHES:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is None:
                continue
            if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                spec.loader = _Loader(spec.loader)
            return spec
        return None


class _Loader:
    def __init__(self, loader):
        self._loader = loader

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        spec = module.__spec__
        module.__loader__ = spec.loader = self._loader
        self._loader.exec_module(module)
        _patch(module)


def _start():
    for name in _PATCHES:
        if name in sys.modules:
            _patch(sys.modules[name])
    sys.meta_path.insert(0, _Finder())


_start()
