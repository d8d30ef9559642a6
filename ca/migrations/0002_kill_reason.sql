-- Why a session was killed, as whoever did it said.
ALTER TABLE session ADD COLUMN kill_reason TEXT;
