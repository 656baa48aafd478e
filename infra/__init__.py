"""What keeps the desk running on a machine: brokers, supervisor, preflight and the `ember` command.

Nothing here decides about markets. `infra` may import every other package; none imports `infra`.
"""
