"""Names of Python, NumPy 2.4.6, SciPy 1.17.1 and pandas 3.1.1 that fitted models are made of.

Read by :mod:`assay.formats.pickle_allowed`.
"""

from collections.abc import Mapping
from typing import Final

CLASSES: Final[Mapping[str, str]] = {
    "builtins": (
        "bool bytearray bytes complex dict float frozenset int list object range set slice str tuple"
    ),
    "collections": "Counter OrderedDict defaultdict deque",
    "datetime": "date datetime time timedelta timezone",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "numpy": (
        "bool bool_ bytes_ clongdouble complex128 complex64 datetime64 dtype float16 float32 float64 "
        "int16 int32 int64 int8 longdouble longlong matrix ndarray object_ str_ timedelta64 uint16 "
        "uint32 uint64 uint8 ulonglong void"
    ),
    "numpy.ma": "MaskedArray masked_array",
    "numpy.ma.core": "MaskedArray",
    "numpy.random._mt19937": "MT19937",
    "numpy.random._pcg64": "PCG64 PCG64DXSM",
    "numpy.random._philox": "Philox",
    "numpy.random._sfc64": "SFC64",
    "numpy.random.bit_generator": "SeedSequence",
    "pandas": (
        "BooleanDtype Categorical CategoricalDtype CategoricalIndex DataFrame DatetimeIndex "
        "DatetimeTZDtype Float32Dtype Float64Dtype Index Int16Dtype Int32Dtype Int64Dtype Int8Dtype "
        "MultiIndex RangeIndex Series StringDtype Timestamp UInt16Dtype UInt32Dtype UInt64Dtype "
        "UInt8Dtype"
    ),
    "pandas.core.arrays.boolean": "BooleanArray",
    "pandas.core.arrays.categorical": "Categorical",
    "pandas.core.arrays.datetimes": "DatetimeArray",
    "pandas.core.arrays.floating": "FloatingArray",
    "pandas.core.arrays.integer": "IntegerArray",
    "pandas.core.arrays.string_": "StringArray StringDtype",
    "pandas.core.dtypes.dtypes": "CategoricalDtype DatetimeTZDtype",
    "pandas.core.frame": "DataFrame",
    "pandas.core.indexes.base": "Index",
    "pandas.core.indexes.category": "CategoricalIndex",
    "pandas.core.indexes.datetimes": "DatetimeIndex",
    "pandas.core.indexes.multi": "MultiIndex",
    "pandas.core.indexes.range": "RangeIndex",
    "pandas.core.internals.managers": "BlockManager SingleBlockManager",
    "pandas.core.series": "Series",
    "scipy.interpolate._bsplines": "BSpline",
    "scipy.interpolate._cubic": "PchipInterpolator",
    "scipy.interpolate._interpolate": "PPoly interp1d",
    "scipy.sparse._bsr": "bsr_array bsr_matrix",
    "scipy.sparse._coo": "coo_array coo_matrix",
    "scipy.sparse._csc": "csc_array csc_matrix",
    "scipy.sparse._csr": "csr_array csr_matrix",
    "scipy.sparse._dia": "dia_array dia_matrix",
    "scipy.sparse._dok": "dok_array dok_matrix",
    "scipy.sparse._lil": "lil_array lil_matrix",
    "uuid": "UUID",
}
"""Module -> classes that may be instantiated."""

UFUNCS: Final[Mapping[str, str]] = {
    "numpy": (
        "absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and bitwise_count "
        "bitwise_or bitwise_xor cbrt ceil conjugate copysign cos cosh deg2rad degrees divide divmod "
        "equal exp exp2 expm1 fabs float_power floor floor_divide fmax fmin fmod frexp gcd greater "
        "greater_equal heaviside hypot invert isfinite isinf isnan isnat lcm ldexp left_shift less "
        "less_equal log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or "
        "logical_xor matmul matvec max maximum mean median min minimum modf multiply negative nextafter "
        "not_equal positive power prod rad2deg radians reciprocal remainder right_shift rint sign "
        "signbit sin sinh spacing sqrt square std subtract sum tan tanh trunc var vecdot vecmat"
    ),
    "numpy._core._multiarray_umath": (
        "absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and bitwise_count "
        "bitwise_or bitwise_xor cbrt ceil conjugate copysign cos cosh deg2rad degrees divide divmod "
        "equal exp exp2 expm1 fabs float_power floor floor_divide fmax fmin fmod frexp gcd greater "
        "greater_equal heaviside hypot invert isfinite isinf isnan isnat lcm ldexp left_shift less "
        "less_equal log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or "
        "logical_xor matmul matvec maximum minimum modf multiply negative nextafter not_equal positive "
        "power rad2deg radians reciprocal remainder right_shift rint sign signbit sin sinh spacing sqrt "
        "square subtract tan tanh trunc vecdot vecmat"
    ),
    "scipy._lib.array_api_compat.numpy._aliases": "asarray",
    "scipy.special._special_ufuncs": (
        "airy airye bei beip ber berp besselpoly beta betaln binom cbrt cosdg cosm1 cotdg dawsn ellipe "
        "ellipeinc ellipj ellipk ellipkinc ellipkm1 erf erfc erfcx erfi exp1 exp10 exp2 expi expit "
        "expm1 exprel fresnel gamma gammainc gammaincc gammainccinv gammaincinv gammaln gammasgn "
        "hankel1 hankel1e hankel2 hankel2e hyp2f1 i0 i0e i1 i1e it2i0k0 it2j0y0 it2struve0 itairy "
        "iti0k0 itj0y0 itmodstruve0 itstruve0 iv ive j0 j1 jv jve k0 k0e k1 k1e kei keip kelvin ker "
        "kerp kv kve log1p log_expit log_ndtr log_wright_bessel loggamma logit mathieu_a mathieu_b "
        "mathieu_cem mathieu_modcem1 mathieu_modcem2 mathieu_modsem1 mathieu_modsem2 mathieu_sem "
        "modfresnelm modfresnelp modstruve ndtr obl_ang1 obl_ang1_cv obl_cv obl_rad1 obl_rad1_cv "
        "obl_rad2 obl_rad2_cv pbdv pbvv pbwa pro_ang1 pro_ang1_cv pro_cv pro_rad1 pro_rad1_cv pro_rad2 "
        "pro_rad2_cv psi radian rgamma sindg struve tandg voigt_profile wofz wright_bessel xlog1py "
        "xlogy y0 y1 yv yve zetac"
    ),
    "scipy.special._ufuncs": (
        "agm bdtr bdtrc bdtri bdtrik bdtrin betainc betaincc betainccinv betaincinv boxcox boxcox1p "
        "btdtria btdtrib chdtr chdtrc chdtri chdtriv chndtr chndtridf chndtrinc chndtrix elliprc "
        "elliprd elliprf elliprg elliprj entr erfcinv erfinv eval_chebyc eval_chebys eval_chebyt "
        "eval_chebyu eval_gegenbauer eval_genlaguerre eval_hermite eval_hermitenorm eval_jacobi "
        "eval_laguerre eval_legendre eval_sh_chebyt eval_sh_chebyu eval_sh_jacobi eval_sh_legendre expn "
        "fdtr fdtrc fdtri fdtridfd gdtr gdtrc gdtria gdtrib gdtrix huber hyp0f1 hyp1f1 hyperu "
        "inv_boxcox inv_boxcox1p kl_div kn kolmogi kolmogorov lpmv nbdtr nbdtrc nbdtri nbdtrik nbdtrin "
        "ncfdtr ncfdtri ncfdtridfd ncfdtridfn ncfdtrinc nctdtr nctdtridf nctdtrinc nctdtrit ndtri "
        "ndtri_exp nrdtrimn nrdtrisd owens_t pdtr pdtrc pdtri pdtrik poch powm1 pseudo_huber rel_entr "
        "round shichi sici smirnov smirnovi spence stdtr stdtridf stdtrit tklmbda wrightomega yn"
    ),
}
"""Module -> element-wise functions that may be named as a parameter, not called."""
