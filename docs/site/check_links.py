"""
Check the site: `python docs/site/check_links.py FOLDER`.

Each link within it leads to a page and a place that are there, and no page loads anything from the
network.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links, places and loaded files of a page."""

    def __init__(self, path: Path):
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag links to, loads or names."""
        values = {name: value or "" for name, value in attrs}
        self.places |= {values.get("id", ""), values.get("name", "") if tag == "a" else ""}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag in ("img", "script", "iframe", "source", "video") and "src" in values:
            self.loaded.append(values["src"])
        kinds = values.get("rel", "").split()
        if tag == "link" and {"stylesheet", "icon", "preload", "manifest"} & set(kinds):
            self.loaded.append(values["href"])


def broken(folder: Path) -> list[str]:
    """Return a line for each link that leads nowhere, and each file from the network."""
    pages = {path.resolve(): Page(path) for path in sorted(folder.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        where = path.relative_to(folder.resolve())
        for link in page.links + page.loaded:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                if link in page.loaded and url.scheme != "data":
                    found.append(f"{where}: loads {link}")
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            if target.is_dir():
                target = target / "index.html"
            if not target.exists():
                found.append(f"{where}: no file for {link}")
            elif url.fragment and target in pages:
                if unquote(url.fragment) not in pages[target].places:
                    found.append(f"{where}: no place for {link}")
    for path in folder.rglob("*.css"):
        text = path.read_text(encoding="utf-8", errors="replace")
        if "url(http" in text or "@import" in text:
            found.append(f"{path.relative_to(folder)}: loads from the network")
    return found


def main() -> None:
    """Print what is broken; exit with an error if anything is."""
    folder = Path(sys.argv[1])
    found = broken(folder)
    print("\n".join(found) or f"{len(list(folder.rglob('*.html')))} pages, no broken link")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
