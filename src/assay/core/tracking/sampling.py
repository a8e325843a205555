"""Which points of a long history make a curve: those that MLflow's server chooses from its database."""


def even_places(count: int, limit: int) -> tuple[int, ...]:
    """Return at most ``limit`` (at least 1) of the places 0 to ``count`` - 1, evenly chosen.

    The places are cut into as many parts as there may be, the longer ones first (SQL's NTILE), and the
    first of each part counts; the last place of all stands for that of the last part.
    """
    if count <= limit:
        return tuple(range(count))
    length, longer = divmod(count, limit)
    first = [part * length + min(part, longer) for part in range(limit)]
    return (*first[:-1], count - 1)
