"""Makes the tables of the reference pages anew from the code: python -m scripts.reference [--check]

With --check nothing is written, and the names of pages that differ are printed.
"""

import sys

from scripts.reference.pages import differing, wanted


def main(arguments: list[str]) -> int:
    texts = wanted()
    found = differing(texts)
    if "--check" in arguments:
        print("".join(f"{path.name}\n" for path in found), end="")
        return 1 if found else 0
    for path in found:
        path.write_text(texts[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
