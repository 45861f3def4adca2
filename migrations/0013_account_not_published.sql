-- For the alert about accounts that could not be published, which reads the few of them every minute.
CREATE INDEX publications_refused ON publications (refused_at) WHERE refused_at IS NOT NULL;
