"""Model card of a checkpoint (README.md), rendered from the catalogue and the training history in its weights."""

from pathlib import Path

from zoo import history
from zoo.catalogue import Entry
from zoo.checkpoint_files import FILES, read_facts, write_atomically

TEMPLATE = """\
---
{front}
---

# {name}

{purpose}

A CAE-ResNet: a convolutional autoencoder of residual blocks that upscales photographs {scale} times.
{parameters:,} parameters, {megabytes:.1f} MB.

## Use

```python
from caesr import CAEResNet, Upscaler
from PIL import Image

model = CAEResNet.from_pretrained("{name}")
Upscaler(model)(Image.open("photo.jpg"), scale={scale}).save("photo_x{scale}.png")
```

On the command line, and on the page, where it is called *{family}*:

    python -m caesr upscale photo.jpg --model {name} --scale {scale}
    python app.py
{download}{elsewhere}
## Measured

Means over the pictures of each set, reduced {scale} times by MATLAB's bicubic; PSNR and SSIM on Y (BT.601) with a
border of {scale} pixels cut off; LPIPS (AlexNet, 0.1) and DISTS, lower is better, on the first ten of B100;
consistency is the PSNR of the result, reduced again, against the input. The inputs of B100-10-light, -medium and
-heavy were blurred, reduced, made noisy and compressed as JPEG (`caesr.evaluation.degrade.STRENGTHS`).
`python -m caesr evaluate --model {name} --data FOLDER --perceptual` repeats it; `--first 10`, `--degraded medium`.

{figures}

## Trained

{trained}

## Limits

{limits}

![Small print, and a face degraded by blur, noise and JPEG: by bicubic, by {name}, and the originals](limits.jpg)

Text and faces of a few pixels cannot be recovered. The test sets were never trained on.
"""

ELSEWHERE = """
## In other programs

`model.onnx` is the complete picture as one graph, from `pixel_values`, any height and width in [0, 1], to
`reconstruction`. chaiNNer, darktable and ONNX Runtime load it; `zoo export {name}` writes it, in float16 too.
Its SHA-256 is `{sha256}`.

ComfyUI and spandrel load `model.safetensors` where CAESR is installed: docs/integrations.md.
"""

EXAMPLE = "example.png"  # the picture that the Hub's widget shows

CLEAN = (
    "It was trained on clean pictures reduced by bicubic. JPEG artefacts, noise and blur are kept and may be sharpened."
)
LIMITS = {
    "texture": "It invents: hair, leaves and weave look right and are not what was there; letters and faces may "
    f"change. Not for evidence, medicine or measuring. {CLEAN}",
    "photo": "It was trained on blur, noise and JPEG made by a program, two rounds at most. It removes what it takes "
    "for noise, fine texture too; on clean pictures base is more faithful. Of eight real photographs from 1890 to "
    "today (docs/real.jpg) it removed blocks and most of the noise; fine lines stayed soft, and beside some hard "
    "edges ringing was left.",
}

MEASURES = {  # of the catalogue's figures -> the Hub's name, a readable one, decimals
    "psnr_y": ("psnr", "PSNR on Y (dB)", 2),
    "ssim_y": ("ssim", "SSIM on Y", 4),
    "lpips": ("lpips", "LPIPS (AlexNet)", 3),
    "dists": ("dists", "DISTS", 3),
}


def write(entry: Entry, folder: Path) -> None:
    """Write README.md into the checkpoint's folder."""
    write_atomically(folder / "README.md", render(entry, read_facts(folder)))


def render(entry: Entry, facts: dict) -> str:
    """Return the card as Markdown with the Hub's front matter."""
    return TEMPLATE.format(
        name=entry.name,
        purpose=entry.purpose,
        scale=entry.scale,
        parameters=entry.parameters,
        megabytes=entry.size / 1e6,
        front=render_front_matter(entry),
        family=entry.family.capitalize(),
        download=f"\nOnly the files:\n\n    hf download {entry.repo_id} {' '.join(FILES)}\n" if entry.repo_id else "",
        elsewhere=ELSEWHERE.format(name=entry.name, sha256=entry.onnx_sha256) if entry.onnx_sha256 else "",
        figures=render_table(entry),
        trained=describe_training(entry, facts),
        limits=LIMITS.get(entry.family, CLEAN),
    )


def render_table(entry: Entry) -> str:
    """Return the measured figures as a Markdown table."""
    if not entry.figures:
        return "Not measured yet."
    rows = ["| test set | PSNR (dB) | SSIM | LPIPS ↓ | DISTS ↓ | consistency (dB) |", "|---|---|---|---|---|---|"]
    for data, figures in entry.figures.items():
        perceptual = [f"{figures[name]:.3f}" if name in figures else "" for name in ("lpips", "dists")]
        psnr, ssim, consistency = figures["psnr_y"], figures["ssim_y"], figures["consistency"]
        cells = [data, f"{psnr:.2f}", f"{ssim:.4f}", *perceptual, f"{consistency:.1f}"]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def render_front_matter(entry: Entry) -> str:
    """Return the YAML that the Hub reads; no `datasets`, because the training pictures are not on the Hub."""
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type="image-to-image",
            task_name=f"super-resolution, {entry.scale} times",
            dataset_type=data.lower(),
            dataset_name=data,
            metric_type=measure,
            metric_name=name,
            metric_value=round(figures[figure], decimals),
        )
        for data, figures in entry.figures.items()
        for figure, (measure, name, decimals) in MEASURES.items()
        if figure in figures
    ]
    owner = entry.repo_id.rpartition("/")[0] + "/" if entry.repo_id else ""  # a family is published together
    return ModelCardData(
        license=entry.licence.lower(),
        library_name="caesr",
        pipeline_tag="image-to-image",
        tags=["super-resolution", "image-upscaling", "convolutional-autoencoder"],
        widget=[{"src": EXAMPLE, "example_title": "A cat, 226 × 150 pixels"}],
        base_model=owner + entry.base_model if entry.base_model else None,
        metrics=list(dict.fromkeys(result.metric_type for result in results)) or None,
        model_name=entry.name if results else None,
        eval_results=results or None,
    ).to_yaml(line_break="\n")


def describe_training(entry: Entry, facts: dict) -> str:
    """Say what was trained, on what and for how long."""
    stages = history.read_stages(facts)
    if not stages:
        return "Nothing is recorded."
    start = f"From the weights of {entry.base_model}. " if entry.base_model else ""
    megapixels = sum(stage.pixels for stage in stages) / 1e6
    averaged = " The weights are the mean of two points of the run." if "averaged" in facts else ""
    return (
        f"{start}{'; then '.join(map(describe_stage, stages))}: in all {history.count_steps(facts):,} steps, which saw "
        f"{megapixels:,.0f} million low-resolution pixels. The recipes are `zoo/recipes/{entry.name}*.toml`, which say "
        f"the rest: freely licensed photographs and BSDS500's training and test pictures, losses, rates.{averaged}"
    )


def describe_stage(stage: history.Stage) -> str:
    """Say how long one stage was, on what, and what it minimised."""
    degraded = " degraded" if stage.degrade != "bicubic" else ""
    loss = ", ".join(f"{name} {weight:g}" for name, weight in stage.loss.items())
    loss += f"; features of {stage.features}" if stage.features else ""
    loss += "; of luma and, for a tenth of the squared error, chroma" if stage.colours == "ycbcr" else ""
    return (
        f"{stage.steps:,} steps of {stage.batch}{degraded} crops of {stage.patch}×{stage.patch} low-resolution pixels"
        f"{f', {stage.drawings:.0%} of them drawn,' if stage.drawings else ''} "
        f"in {stage.seconds / 60:.1f} minutes on {stage.device}{f' ({loss})' if loss else ''}"
    )
