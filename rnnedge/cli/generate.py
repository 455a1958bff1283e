"""Write text with an exported language model, each character as soon as it is there.

**Examples:**

- `rnnedge generate text.onnx --prompt "The import statement "`
- `rnnedge generate text.onnx --prompt "class " --temperature 0.7 --top-k 10 --length 500 --seed 1`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rnnedge.cli._model_file import model_file
from rnnedge.cli._opening import Opening, with_fields
from rnnedge.cli._output import JsonOption
from rnnedge.cli._providers import ProviderOption


@with_fields
def command(
    file: Annotated[Path, model_file("A file made by rnnedge export, of a model of characters.")],
    prompt: Annotated[str, typer.Option(help="What the text begins with.")] = "The ",
    length: Annotated[int, typer.Option(help="Characters to write.", min=0)] = 400,
    temperature: Annotated[float, typer.Option(help="Below 1: more likely text; 0: the likeliest.", min=0)] = 0.8,
    top_k: Annotated[
        int, typer.Option(help="Sample from this many of the likeliest characters; 0: from all of them.", min=0)
    ] = 0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same text.", min=0)] = 0,
    provider: ProviderOption = "cpu",
    *,
    opening: Opening,
    json: JsonOption = False,
) -> None:
    """See the module's docstring, which is the help text."""
    from rnnedge.cli._output import print_json, write
    from rnnedge.tasks.generate import Sampling, generate
    from rnnedge_runtime import load

    characters = generate(
        load(file, provider=provider, **vars(opening)),
        prompt,
        length,
        Sampling(temperature, top_k, seed),
    )
    if json:
        print_json("generate", {"file": str(file), "prompt": prompt, "text": "".join(characters)})
        return
    write(prompt)
    for character in characters:
        write(character)
    write("\n")
