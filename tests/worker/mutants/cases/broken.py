"""Not a case: it cannot be imported."""
import benchd_no_such_module  # noqa: F401
