"""The rules of plain English that can be counted hold in every docstring, comment and document."""

import ast
import io
import re
import tokenize

import pytest

from tests.support.paths import ROOT

FOLDERS = (
    "benchmarks", "d2l_common", "d2l_jax", "d2l_parity", "d2l_torch", "docs", "examples",
    "parity_tests", "tests",
)  # fmt: skip
CODE = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
CODE.append(ROOT / "conftest.py")
DOCUMENTS = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])

QUESTION = re.compile(r"(what|which|whether|where|how)\b", re.IGNORECASE)
# Each with the words to use instead.
PHRASES = {
    r"(?<!there )\b(?:is|are|was|were) no "
    r"(?!longer\b|more\b|less\b|further\b|fewer\b|wider\b|larger\b"
    r"|smaller\b|slower\b|faster\b|better\b)\w+": "is not a",
    r"(?<!there )\b(?:is|are) (?-i:none)\b(?! of)": "there is not one",
    r"\banew\b": "again, new",
    r"\bbut for\b": "except",
    r"\bother(?:s)? than\b": "different from",
    r"\bnothing but\b": "only",
    r"\bbe it\b": "whether",
}


def docstrings(tree):
    """Yield the line and the text of each docstring of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield node.body[0].lineno, text


def comments(source):
    """Yield the line and the text of each comment; one that goes on for lines is one."""
    block, first, last = [], 0, -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        if token.start[0] != last + 1:
            if block:
                yield first, " ".join(block)
            block, first = [], token.start[0]
        block.append(token.string.lstrip("# "))
        last = token.start[0]
    if block:
        yield first, " ".join(block)


def prose(document):
    """Yield the line and the text of each paragraph of a document, without its code."""
    document = re.sub(
        r"^```.*?^```", lambda m: "\n" * m[0].count("\n"), document, flags=re.M | re.S
    )
    for paragraph in re.finditer(r"(?:.+\n?)+", document):
        yield document[: paragraph.start()].count("\n") + 1, re.sub(r"`[^`]*`", "`", paragraph[0])


def summary(text):
    """Return the first sentence of a docstring."""
    return " ".join(text.split("\n\n")[0].split()).split(". ")[0]


def questions(source):
    """Return the docstrings that begin like a question, or are one, with their lines."""
    return [
        f"{line}: {summary(text)}"
        for line, text in docstrings(ast.parse(source))
        if QUESTION.match(text) or summary(text).endswith("?")
    ]


def coined(texts):
    """Return the phrases that have a plainer form, with their lines and that form."""
    found = []
    for line, text in texts:
        text = " ".join(text.split())
        for pattern, plain in PHRASES.items():
            found += [
                f"{line}: {match[0]!r} (better: {plain})"
                for match in re.finditer(pattern, text, re.IGNORECASE)
            ]
    return found


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_and_comments(path):
    source = path.read_text()
    texts = [*docstrings(ast.parse(source)), *comments(source)]
    found = questions(source) + coined(texts)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents(path):
    found = coined(prose(path.read_text()))
    assert not found, "\n".join(found)


# That these checks can fail:


@pytest.mark.parametrize(
    "docstring",
    [
        "What a step records.",
        "How many examples there are.",
        "Is it a tensor?",
        "\n    Whether so.\n",
    ],
)
def test_a_question_is_found(docstring):
    assert questions(f'def f():\n    """{docstring}"""\n')


@pytest.mark.parametrize("docstring", ["Return what a step records.", "Nowhere. Why? Because."])
def test_a_statement_is_not(docstring):
    assert not questions(f'def f():\n    """{docstring}"""\n')


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("# If it is no number, or none.", 1),
        ("# The loader is made\n# anew.", 1),
        ("# All but for the last, with shapes other\n# than these", 2),
        ("# It is no longer than this; there is no such file.", 0),
        ("# It is not a number: made again, except the last.", 0),
    ],
)
def test_a_phrase_is_found(text, number):
    assert len(coined(comments(text + "\nx = 1\n"))) == number
    assert len(coined(prose(text.replace("# ", "")))) == number


def test_code_of_a_document_is_not_prose():
    assert not coined(prose("Words.\n\n```python\nx = 1  # made anew\n```\n\n`anew` is a name.\n"))
