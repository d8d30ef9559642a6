-- Which bastions were permitted to delete it since it was held last. Of those of before it is not known; the one that
-- sealed it is asked first.
ALTER TABLE recording ADD COLUMN permitted_to TEXT;
UPDATE recording SET permitted_to = '["' || bastion || '"]'
    WHERE permitted_at IS NOT NULL AND held_at IS NULL AND bastion IS NOT NULL;
