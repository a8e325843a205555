"""The list of formats, in the order in which they are asked. A new format is a new module and a line here.

Pickle comes first, because it can begin with almost anything; text last, because almost anything can
be text. Archives are asked from the most particular to any zip.
"""

from typing import Final

from assay.formats import (
    boosters,
    compression,
    gguf,
    json_files,
    keras,
    media,
    numpy_arrays,
    onnx,
    pickles,
    programs,
    safetensors,
    saved_model,
    skops,
    tables,
    tars,
    texts,
    tflite,
    torch,
    xml_files,
    zips,
)
from assay.formats.sample import CODE, DATA, EFFECTS, Format

FORMATS: Final[tuple[Format, ...]] = (
    Format("pickle", CODE, pickles.look, also=("joblib", "torch-legacy"), loadable=("joblib",)),
    Format("compressed", CODE, compression.look, also=("gzip", "zlib", "bzip2", "xz", "lzma")),
    Format("tar", CODE, tars.look),
    Format("skops", CODE, skops.look, loadable=("skops",)),
    Format("torch", CODE, torch.look, also=("torchscript",)),
    Format("keras", CODE, keras.look),
    Format("npz", CODE, numpy_arrays.look_npz),
    Format("zip", CODE, zips.look),
    Format("npy", CODE, numpy_arrays.look),
    Format("hdf5", CODE, keras.look_hdf5),
    Format("safetensors", DATA, safetensors.look),
    Format("gguf", CODE, gguf.look),
    Format("tflite", EFFECTS, tflite.look),
    Format("parquet", CODE, tables.look, also=("arrow",)),
    Format("booster", DATA, boosters.look, also=("xgboost", "lightgbm", "catboost")),
    Format("picture", DATA, media.look, also=("png", "jpeg", "gif")),
    Format("program", CODE, programs.look),
    Format("onnx", EFFECTS, onnx.look, loadable=("onnx",)),
    Format("savedmodel", CODE, saved_model.look),
    Format("xml", CODE, xml_files.look, also=("pmml",)),
    Format("json", CODE, json_files.look),
    Format("text", CODE, texts.look, also=("python", "yaml", "template")),
)
LOADABLE: Final = frozenset(name for each in FORMATS for name in each.loadable)
