-- For the repair job: commands and handoffs that a workflow should be working on.
CREATE INDEX commands_running ON commands (created_at) WHERE state = 'running';
CREATE INDEX handoffs_under_way ON handoffs (deadline_at) WHERE state IN ('logged_in', 'sharing', 'ready');
INSERT INTO repair_tasks (name) VALUES ('commands'), ('handoffs');
