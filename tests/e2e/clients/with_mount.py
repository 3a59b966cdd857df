# SPDX-License-Identifier: Apache-2.0
"""with_mount FOLDER MOUNTPOINT KEY: works with files in a mounted bucket and fails at the first difference.

FOLDER holds the files small, medium, large; KEY, an odd one, is in the folder dir. Leaves behind: small, dir/, KEY, renamed
(medium), large. A process of its own: a test that held such a file open could wait for itself."""
import pathlib
import shutil
import sys

folder, place, odd = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]


def same(what, found, expected):
    if found != expected:
        sys.exit("%s: %r, expected %r" % (what, found[:200], expected[:200]))


shutil.copyfile(folder / "small", place / "small")
(place / "dir").mkdir()
shutil.copyfile(folder / "medium", place / odd)
shutil.copyfile(folder / "medium", place / "first name")
(place / "first name").rename(place / "renamed")
shutil.copyfile(folder / "large", place / "large")
(place / "deleted").write_bytes(b"deleted")
(place / "deleted").unlink()
for key, name in (("small", "small"), (odd, "medium"), ("renamed", "medium"), ("large", "large")):
    same(key, (place / key).read_bytes(), (folder / name).read_bytes())
    print("read %s" % key)
with (place / "large").open("rb") as file:
    file.seek(6 << 20)
    same("the middle", file.read(1000), (folder / "large").read_bytes()[6 << 20:][:1000])
same("list", sorted(path.name for path in place.iterdir()), ["dir", "large", "renamed", "small"])
print("mount: good")
