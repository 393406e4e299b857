"""Temporary files and folders beside what they are to become, and what killed runs left of them.

A name says which process made it, `.rbc_tf-KIND-SYSTEM-PROCESS-START-RANDOM-TAIL`, so that what no
living process owns is known for rubbish. Whoever writes into a folder sweeps it first.

A folder that is replaced is exchanged with the new one in a single step where the system can; else
it is moved aside for a moment, into a folder of the kind `old`: if the run is killed just then,
the next sweep puts it back.
"""

import contextlib
import ctypes
import errno
import functools
import hashlib
import os
import pathlib
import re
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator

_NEW, _OLD = "new", "old"
_PATTERN = re.compile(
    rf"\.rbc_tf-(?P<kind>{_NEW}|{_OLD})-(?P<system>[0-9a-f]{{8}})-(?P<process>\d+)-(?P<start>\d+)-"
)

# Of another system, whose processes cannot be seen: older than this, nobody works on it any more.
_FOREIGN_SECONDS = 2 * 24 * 3600

# Of the name that it is to get, so that no name becomes too long for the file system.
_TAIL_BYTES = 60

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_CANNOT_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM)

_swept: set[str] = set()
_sweeping = threading.Lock()


def new_file(path: pathlib.Path) -> pathlib.Path:
    """An empty file beside `path`, whose name ends as that of `path`."""
    sweep_once(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=_prefix(_NEW), suffix=_tail(path.name))
    os.close(handle)
    return pathlib.Path(name)


def new_folder(path: pathlib.Path) -> pathlib.Path:
    """An empty folder beside `path`."""
    sweep_once(path.parent)
    return pathlib.Path(
        tempfile.mkdtemp(dir=path.parent, prefix=_prefix(_NEW), suffix=_tail(path.name))
    )


def replace_folder(new: pathlib.Path, path: pathlib.Path) -> None:
    """Puts the folder `new` in the place of `path`, which may be a folder, or not there.

    Killed at any moment, it leaves the old folder or the new one (`sweep` may have to put it back).
    """
    path = path.resolve() if path.is_symlink() else path
    flush_tree(new)
    if not path.exists() or not any(path.iterdir()):
        os.replace(new, path)
    elif _exchange(new, path):
        shutil.rmtree(new)
    else:
        aside = pathlib.Path(tempfile.mkdtemp(dir=path.parent, prefix=_prefix(_OLD), suffix="-"))
        os.replace(path, aside / path.name)
        os.replace(new, path)
        flush(path.parent)
        shutil.rmtree(aside)
    flush(path.parent)


def flush(path: str | os.PathLike) -> None:
    """Has the content of a file, or the names in a folder, outlast a power cut.

    Systems that cannot open a folder, or flush it, keep its names otherwise.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except (PermissionError, IsADirectoryError):
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(handle)


def flush_tree(folder: pathlib.Path) -> None:
    """`flush` of all that lies in a folder, and of the folder."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            flush(os.path.join(parent, name))
        flush(parent)


def sweep_once(folder: pathlib.Path) -> None:
    """`sweep`, the first time that this process writes into the folder."""
    key = os.path.abspath(folder)
    with _sweeping:
        if key not in _swept:
            sweep(folder)
            _swept.add(key)


def sweep(folder: str | os.PathLike, below: bool = False) -> None:
    """Removes what killed runs left in a folder, and puts back a folder that they had moved aside.

    Only what bears a name of this module and belongs to no living process is touched; what cannot
    be removed stays.

    Args:
        folder: need not exist.
        below: in its subfolders too.
    """
    for place in _leftovers(os.fspath(folder), below):
        found = _PATTERN.match(place.name)
        if found and _is_stale(place, found):
            _put_back(place) if found["kind"] == _OLD else _remove(place)


def _leftovers(folder: str, below: bool) -> Iterator[pathlib.Path]:
    try:
        with os.scandir(folder) as entries:
            listed = list(entries)
    except OSError:
        return
    for entry in listed:
        if entry.name.startswith(".rbc_tf-"):
            yield pathlib.Path(entry.path)
        elif below and entry.is_dir(follow_symlinks=False):
            yield from _leftovers(entry.path, below)


def _put_back(aside: pathlib.Path) -> None:
    try:
        for old in list(aside.iterdir()):
            if not (aside.parent / old.name).exists():
                os.replace(old, aside.parent / old.name)
    except OSError:
        return  # the only copy, perhaps
    _remove(aside)


def _remove(place: pathlib.Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        place.unlink(missing_ok=True)


def _is_stale(place: pathlib.Path, found: re.Match) -> bool:
    if found["system"] != _system():
        try:
            return time.time() - place.lstat().st_mtime > _FOREIGN_SECONDS
        except OSError:
            return False
    # Process numbers come round again; together with its start one is unique.
    return _start(int(found["process"])) != found["start"]


def _prefix(kind: str) -> str:
    process = os.getpid()
    return f".rbc_tf-{kind}-{_system()}-{process}-{_start(process)}-"


def _tail(name: str) -> str:
    encoded = os.fsencode(name)
    # Some writers go by the end of a name, and not only by what follows its last dot.
    return "-" + encoded[-_TAIL_BYTES:].decode("utf-8", "ignore")


@functools.cache
def _system() -> str:
    """Of the system whose processes this one sees, until it is started again."""
    parts = [socket.gethostname()]
    for read in (
        lambda: pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"),
        lambda: os.readlink("/proc/self/ns/pid"),
    ):
        try:
            parts.append(read())
        except OSError:
            parts.append("")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def _start(process: int) -> str:
    """When a process was started, in ticks; '0' where the system does not say, '' of none."""
    try:
        status = pathlib.Path(f"/proc/{process}/stat").read_bytes()
        # Its name, in brackets, may hold anything.
        return status.rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        return "0" if _is_alive(process) else ""


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)
    return True


def _exchange(one: pathlib.Path, other: pathlib.Path) -> bool:
    """Gives each of two paths the content of the other in one step; False where that cannot be."""
    renameat2 = _renameat2()
    if renameat2 is None:
        return False
    names = os.fsencode(one), os.fsencode(other)
    if renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))


@functools.cache
def _renameat2():
    """Linux's function; None elsewhere."""
    try:
        found = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        return None
    found.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    return found
