"""The names that this project has outside of its own code: in settings, in environment variables, in a state."""

PROJECT = "easi"
"""The project in Pulumi.yaml. The names of its resources in AWS begin with it."""
PREFIX = f"{PROJECT}:"
"""What the keys of its settings begin with."""
ACCOUNT_PROJECT = "easi-account"
"""The project in account/Pulumi.yaml."""

ENVIRONMENT_VARIABLE = "EASI_ENVIRONMENT"
HEALTH_PATH_VARIABLE = "EASI_HEALTH_PATH"
"""What the program itself sets in the backend's container."""

VERSION_VARIABLE = "EASI_VERSION"
"""Environment variable that names the version to release, in full. The working tree's without it."""
REASON_VARIABLE = "EASI_BREAK_GLASS_REASON"
"""Environment variable with the reason to run a version that the gate would refuse. The record keeps it."""
RESTART_VARIABLE = "EASI_RESTART"
"""Environment variable with the reason to start every task anew although nothing changed, as after the rotation of a
secret. The record of the attempt keeps it."""
