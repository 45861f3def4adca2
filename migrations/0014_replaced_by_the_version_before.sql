-- While a deployment replaces the version before, it also replaces pending postings, without their day: it is decided
-- again, as for those that it inserts. This version always adds the replaced content to earlier_hashes.
CREATE TRIGGER postings_replaced_by_the_version_before BEFORE UPDATE ON postings
  FOR EACH ROW WHEN (OLD.status = 'pending' AND NEW.content_hash <> OLD.content_hash
                     AND NEW.earlier_hashes IS NOT DISTINCT FROM OLD.earlier_hashes)
  EXECUTE FUNCTION date_posting();
