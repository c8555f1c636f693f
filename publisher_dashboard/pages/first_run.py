"""Acts of the first run: put the list of first steps aside, take sample data and take it away again."""

from __future__ import annotations

from starlette.responses import Response

from edge.store.first_steps import dismiss_first_steps
from edge.store.sample_site import remove_sample
from publisher_dashboard.sample import make_sample
from publisher_dashboard.visit import Visit


def dismiss(visit: Visit) -> Response:
    """Put the list aside, for everybody of this publisher."""
    with visit.desk.database.write() as connection:
        dismiss_first_steps(connection, visit.publisher.publisher_id, visit.person.email, visit.now_micros)
    return visit.go(visit.publisher_path(), "steps-aside")


def take_sample(visit: Visit) -> Response:
    """Make a sample site with a week of traffic, watched only, and go there."""
    with visit.desk.database.write() as connection:
        made = make_sample(connection, visit.publisher.publisher_id, visit.person.email, visit.now_micros)
    return visit.go(f"/sites/{made.host}/rules", "sample-made")


def drop_sample(visit: Visit) -> Response:
    """Take the sample away, with everything that was made up for it."""
    with visit.desk.database.write() as connection:
        remove_sample(connection, visit.publisher.publisher_id, visit.person.email, visit.now_micros)
    return visit.go(visit.publisher_path(), "sample-gone")
