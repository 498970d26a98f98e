"""The fleet's baseline: one set of rules on security, RBAC and configuration that must hold in every cluster."""
