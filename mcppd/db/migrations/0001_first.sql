-- The first schema. Times are INTEGER milliseconds since 1970 UTC, energy INTEGER Wh, power REAL W, flags 0 or 1.
-- A place on a charge point is (evse_id, connector_id): OCPP 1.6 connectorId n is (n, 1), 0 is (0, 0).

PRAGMA application_id = 0x6d637070;  -- "mcpp"

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value ANY
) STRICT, WITHOUT ROWID;

CREATE TABLE charge_points (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    identity TEXT NOT NULL UNIQUE,
    registration TEXT NOT NULL CHECK (registration IN ('accepted', 'pending', 'blocked')),
    registered_at INTEGER NOT NULL,
    -- as told in BootNotification
    vendor TEXT,
    model TEXT,
    charge_point_serial TEXT,
    charge_box_serial TEXT,
    firmware TEXT,
    iccid TEXT,
    imsi TEXT,
    meter_type TEXT,
    meter_serial TEXT,
    protocol TEXT,
    last_connect_at INTEGER,
    last_disconnect_at INTEGER,
    last_boot_at INTEGER,
    last_heartbeat_at INTEGER,
    last_message_at INTEGER,
    last_tx_start_at INTEGER,
    last_tx_stop_at INTEGER,
    boots INTEGER NOT NULL DEFAULT 0,
    reconnects INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE connectors (
    charge_point_id INTEGER NOT NULL REFERENCES charge_points (id),
    evse_id INTEGER NOT NULL,
    connector_id INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'Unknown',
    error_code TEXT NOT NULL DEFAULT 'NoError',
    info TEXT,
    vendor_id TEXT,
    vendor_error_code TEXT,
    since INTEGER,                                  -- when the status last changed
    plugged_in_at INTEGER,                          -- received; NULL while unplugged
    status_changes INTEGER NOT NULL DEFAULT 0,
    transactions INTEGER NOT NULL DEFAULT 0,        -- ever started
    last_started_at INTEGER,                        -- when the newest StartTransaction was received
    energy_total_wh INTEGER NOT NULL DEFAULT 0,     -- of all closed transactions
    energy_shown_wh INTEGER NOT NULL DEFAULT 0,     -- the most that was ever shown before a correction took some back
    last_register_wh INTEGER,                       -- where the newest closed transaction left the register
    PRIMARY KEY (charge_point_id, evse_id, connector_id)
) STRICT, WITHOUT ROWID;

-- Rows are never deleted, ids never reused.
CREATE TABLE transactions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    charge_point_id INTEGER NOT NULL REFERENCES charge_points (id),
    evse_id INTEGER NOT NULL,
    connector_id INTEGER NOT NULL,
    id_tag TEXT NOT NULL,                           -- as told; '' is free vending
    tag_key TEXT NOT NULL,                          -- as compared
    tag_status TEXT NOT NULL,                       -- what the tag was told
    started_at INTEGER NOT NULL,
    start_told_at INTEGER,                          -- NULL: missing or unreadable
    start_told_text TEXT,                           -- only what could not be read
    start_quality TEXT NOT NULL,
    start_received_at INTEGER NOT NULL,
    meter_start_wh INTEGER NOT NULL,
    meter_start_told_wh INTEGER,                    -- NULL: missing, meter_start_wh is our guess
    reservation_id INTEGER,
    interrupted INTEGER NOT NULL DEFAULT 0,         -- the charge point rebooted while it ran; 2: and took it up again
    first_reading_id INTEGER NOT NULL,              -- no reading of it has a lower id in meter_values
    last_reading_id INTEGER,                        -- none has a higher one, but for those not yet accounted
    counted_wh INTEGER NOT NULL DEFAULT 0,          -- energy by the accounted readings
    counted_at INTEGER,
    series TEXT NOT NULL DEFAULT 'undecided',
    max_power_w REAL NOT NULL DEFAULT 0,
    -- from here on NULL while it is open
    stopped_at INTEGER,
    stop_told_at INTEGER,
    stop_told_text TEXT,
    stop_told_id INTEGER,                           -- only where another id was told than this one
    stop_quality TEXT,
    stop_received_at INTEGER,
    stop_id_tag TEXT,
    meter_stop_wh INTEGER,
    meter_stop_told_wh INTEGER,
    stop_suspect INTEGER NOT NULL DEFAULT 0,        -- the told meterStop was not believed
    stop_reason TEXT,
    stop_match TEXT,
    recovery TEXT,                                  -- how it was closed without a StopTransaction
    energy_wh INTEGER
) STRICT;

-- Repeats of a StartTransaction, and the transactions of one charge point.
CREATE INDEX transactions_told ON transactions (charge_point_id, start_told_at);
-- What runs: one at a time on a connector.
CREATE UNIQUE INDEX transactions_open ON transactions (charge_point_id, evse_id, connector_id) WHERE stopped_at IS NULL;
-- Repeats of a StopTransaction with a wrong id.
CREATE INDEX transactions_misnamed ON transactions (charge_point_id, stop_told_id) WHERE stop_match = 'heuristic';

-- The first id is drawn by lot, so that a charge point which still holds an id of an earlier database does not meet it here.
INSERT INTO sqlite_sequence (name, seq) VALUES ('transactions', random() & 0x3fffffff);

-- One row for each MeterValue element, only ever appended, without any index but its id: see README.md.
CREATE TABLE meter_values (
    id INTEGER PRIMARY KEY,
    charge_point_id INTEGER NOT NULL,
    evse_id INTEGER NOT NULL,
    connector_id INTEGER NOT NULL,
    transaction_id INTEGER,
    at INTEGER NOT NULL,
    quality TEXT,                                   -- NULL: good
    received_at INTEGER NOT NULL,
    register_wh INTEGER,
    energy_wh INTEGER,                              -- of the transaction so far, where it counts
    power_w REAL,
    suspect INTEGER NOT NULL DEFAULT 0,
    samples TEXT NOT NULL                           -- JSON: [[value, measurand, phase, context, location, unit, raw], ...]
) STRICT;

CREATE TABLE id_tags (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tag_key TEXT NOT NULL UNIQUE,                   -- as compared
    id_tag TEXT NOT NULL,                           -- as entered or told
    status TEXT,                                    -- NULL: nobody entered it, it only came by
    parent_id_tag TEXT,
    expires_at INTEGER,
    note TEXT,
    max_transactions INTEGER,
    first_seen_at INTEGER,
    last_seen_at INTEGER                            -- to the hour
) STRICT;

CREATE TABLE local_list_versions (
    charge_point_id INTEGER PRIMARY KEY REFERENCES charge_points (id),
    version INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE reservations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,           -- the reservationId
    charge_point_id INTEGER NOT NULL REFERENCES charge_points (id),
    evse_id INTEGER NOT NULL,
    connector_id INTEGER NOT NULL,
    id_tag TEXT NOT NULL,
    parent_id_tag TEXT,
    expires_at INTEGER NOT NULL,
    status TEXT NOT NULL,                           -- Accepted, Used, Cancelled, Expired
    transaction_id INTEGER REFERENCES transactions (id),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE charging_profiles (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    charge_point_id INTEGER NOT NULL REFERENCES charge_points (id),
    evse_id INTEGER NOT NULL,
    profile_id INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    stack_level INTEGER NOT NULL,
    transaction_id INTEGER,
    profile TEXT NOT NULL,                          -- JSON as sent
    set_at INTEGER NOT NULL,
    UNIQUE (charge_point_id, evse_id, profile_id)
) STRICT;

CREATE TABLE configuration_keys (
    charge_point_id INTEGER NOT NULL REFERENCES charge_points (id),
    key TEXT NOT NULL,
    value TEXT,
    readonly INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (charge_point_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE certificates (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    charge_point_id INTEGER NOT NULL REFERENCES charge_points (id),
    kind TEXT NOT NULL,
    hash_algorithm TEXT NOT NULL,
    issuer_name_hash TEXT NOT NULL,
    issuer_key_hash TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    pem TEXT,
    seen_at INTEGER NOT NULL,
    UNIQUE (charge_point_id, hash_algorithm, issuer_name_hash, issuer_key_hash, serial_number)
) STRICT;

CREATE TABLE certificate_requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    charge_point_id INTEGER NOT NULL REFERENCES charge_points (id),
    csr TEXT NOT NULL,
    received_at INTEGER NOT NULL
) STRICT;
CREATE INDEX certificate_requests_by_charge_point ON certificate_requests (charge_point_id);

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    charge_point_id INTEGER NOT NULL REFERENCES charge_points (id),
    kind TEXT NOT NULL,                             -- firmware, diagnostics, log
    request_id INTEGER,
    status TEXT NOT NULL,
    location TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX jobs_by_charge_point ON jobs (charge_point_id, kind);

CREATE TABLE security_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    charge_point_id INTEGER REFERENCES charge_points (id),  -- NULL: of one that was not let in
    type TEXT NOT NULL,
    at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    tech_info TEXT,
    own INTEGER NOT NULL                            -- found by the daemon itself
) STRICT;
CREATE INDEX security_events_by_charge_point ON security_events (charge_point_id);

CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    charge_point_id INTEGER NOT NULL REFERENCES charge_points (id),
    action TEXT NOT NULL,
    message_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    raw TEXT NOT NULL,
    received_at INTEGER NOT NULL
) STRICT;
CREATE INDEX quarantine_by_charge_point ON quarantine (charge_point_id);
