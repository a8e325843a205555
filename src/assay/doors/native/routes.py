"""Every route of the native door. A new resource is a new module and a line here."""

from typing import Final

from assay.doors.native import (
    access,
    audit,
    evidence,
    listing,
    models,
    policies,
    promotions,
    quotas,
    sign_in,
    upkeep,
    uploads,
    versions,
    webhooks,
)
from assay.doors.native.route import Route

ROUTES: Final[tuple[Route, ...]] = (
    *models.ROUTES,
    *versions.ROUTES,
    *evidence.ROUTES,
    *promotions.ROUTES,
    *policies.ROUTES,
    *listing.ROUTES,
    *access.ROUTES,
    *audit.ROUTES,
    *sign_in.ROUTES,
    *webhooks.ROUTES,
    *uploads.ROUTES,
    *upkeep.ROUTES,
    *quotas.ROUTES,
)
