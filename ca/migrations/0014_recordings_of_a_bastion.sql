-- Whether a bastion has a store, and was there: what it sealed, and in which store that is.
CREATE INDEX recording_of_bastion ON recording (bastion, store, sealed_at);
