"""Everything the page says, in English and Chinese."""

import logging

import gradio as gr
from gradio.i18n import I18nData

# What goes wrong with a picture, a checkpoint or the machine: their sentences are for people. Others are faults of
# ours, and not hidden.
PROBLEMS = (ValueError, LookupError, OSError, RuntimeError)

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "tagline": "Photographs enlarged by convolutional-autoencoder residual networks.",
        "picture": "Picture",
        "model": "Model",
        "scale": "Scale",
        "scale_info": "How many times wider and higher, 1 to 8.",
        "tile": "Tile size",
        "tile_info": "In pixels of the picture. Smaller tiles need less memory; the result is the same.",
        "auto": "Choose the tile size for me",
        "run": "Enlarge",
        "cancel": "Cancel",
        "before_after": "Before (bicubic) and after",
        "download": "Download",
        "examples": "Examples, free of rights: NASA, Stéfan van der Walt, Rachel Michetti, SpaceX",
        "no_picture": "Choose a picture first.",
        "waiting": "Another picture is being enlarged; yours is next.",
        "tiles": "tile {done}/{total} · {left} s left",
        "facts": "{width} × {height}, {mode}, {depth} bit{profile} → **{out_width} × {out_height}**",
        "pages": "The file has {pages} pages; the first one is enlarged.",
        "model_facts": "`{name}` · {megabytes:.1f} MB · Set5 {psnr} dB",
        "passes": "`{name}`, in {passes} passes",
        "fell_back": "⚠️ The Hub did not give {names}: using the copy that ships with CAESR, the very same weights.",
        "reduced": " (shown reduced; the download is full size)",
        "done": "{width} × {height} in {seconds:.1f} s on {device}{reduced}",
        "colour": "colour",
        "greyscale": "greyscale",
        "colour with alpha": "colour with alpha",
        "greyscale with alpha": "greyscale with alpha",
        "family_lite": "Lite: clean pictures, at once on any CPU",
        "family_base": "Base: clean pictures, faithful; a second more",
        "family_large": "Large: clean pictures, the highest fidelity; wants a GPU",
        "family_texture": "Texture: fabric, foliage, hair; invents detail",
        "family_photo": "Photo: pictures as they come, with JPEG traces, noise, blur",
        "family_seed": "Seed: the founding article's network, for reference; slow",
    },
    "zh": {
        "tagline": "用卷积自编码残差网络放大照片。",
        "picture": "图片",
        "model": "模型",
        "scale": "放大倍数",
        "scale_info": "宽和高各放大多少倍,1 到 8。",
        "tile": "分块大小",
        "tile_info": "以原图像素计。分块越小,所需内存越少;结果不变。",
        "auto": "自动选择分块大小",
        "run": "放大",
        "cancel": "取消",
        "before_after": "放大前(双三次插值)与放大后",
        "download": "下载",
        "examples": "示例(无版权限制):NASA、Stéfan van der Walt、Rachel Michetti、SpaceX",
        "no_picture": "请先选择一张图片。",
        "waiting": "正在处理另一张图片,接下来就是您的。",
        "tiles": "第 {done}/{total} 块 · 还需 {left} 秒",
        "facts": "{width} × {height},{mode},{depth} 位{profile} → **{out_width} × {out_height}**",
        "pages": "文件共有 {pages} 页,只放大第一页。",
        "model_facts": "`{name}` · {megabytes:.1f} MB · Set5 {psnr} dB",
        "passes": "`{name}`,分 {passes} 遍处理",
        "fell_back": "⚠️ 未能从 Hub 取得 {names}:改用 CAESR 自带的副本,权重完全相同。",
        "reduced": "(显示为缩小图;下载为原尺寸)",
        "done": "{width} × {height},用时 {seconds:.1f} 秒,设备 {device}{reduced}",
        "colour": "彩色",
        "greyscale": "灰度",
        "colour with alpha": "彩色,带透明度",
        "greyscale with alpha": "灰度,带透明度",
        "family_lite": "Lite:清晰的图片,任何 CPU 都能立即完成",
        "family_base": "Base:清晰的图片,忠实还原,稍慢",
        "family_large": "Large:清晰的图片,保真度最高,需要 GPU",
        "family_texture": "Texture:织物、树叶、头发,会创造细节",
        "family_photo": "Photo:日常图片,含 JPEG 痕迹、噪点、模糊",
        "family_seed": "Seed:奠基文章中的网络,作为参照,较慢",
    },
}

# What the browser translates. It does so wherever it meets a key, even in the value of a choice, so a key must
# be nothing that the page sends back. Browsers may ask for regional forms.
SHOWN: tuple[str, ...] = (
    "tagline",
    "picture",
    "model",
    "scale",
    "scale_info",
    "tile",
    "tile_info",
    "auto",
    "run",
    "cancel",
)
SHOWN += ("before_after", "download", "examples", *(key for key in WORDS["en"] if key.startswith("family_")))
LANGUAGES = ("en", "zh", "zh-CN", "zh-TW", "zh-HK", "zh-SG")
LABELS = gr.I18n(**{code: {f"caesr_{key}": WORDS[code[:2]][key] for key in SHOWN} for code in LANGUAGES})


def label(key: str) -> I18nData:
    """A label, translated by the browser."""
    return LABELS(f"caesr_{key}")


def say(request: gr.Request | None, key: str, **values: object) -> str:
    """A sentence in the language that the visitor's browser prefers."""
    preferred = request.headers.get("accept-language", "en") if request else "en"
    words = WORDS["zh" if preferred.lower().startswith("zh") else "en"]
    return words[key].format(**values)


def sorry(reason: object) -> gr.Error:
    """What a visitor is shown when something cannot be done; the log gets a line."""
    if isinstance(reason, gr.Error):  # said already
        return reason
    logging.getLogger("caesr.page").warning("not enlarged: %s", reason)
    return gr.Error(str(reason), duration=15, print_exception=False)
