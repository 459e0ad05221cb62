"""People, their clinic and their rights; the audit trail."""
