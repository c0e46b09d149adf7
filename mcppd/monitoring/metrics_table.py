"""Every metric there is: name, type, labels, meaning. `METRICS.md` is this table as a document, held to it by a test.

Rules.

1. Names begin with `mcppd_`, units are base units (energy is Wh, the unit of this trade), counters end in `_total`.
2. Labels take values from known charge points and fixed sets only.
"""

from dataclasses import dataclass

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily


@dataclass(frozen=True, slots=True)
class Family:
    name: str
    type: str
    help: str
    labels: tuple[str, ...] = ()

    def gauge(self) -> GaugeMetricFamily:
        assert self.type == "gauge"
        return GaugeMetricFamily(self.name, self.help, labels=self.labels)

    def counter(self) -> CounterMetricFamily:
        assert self.type == "counter"
        return CounterMetricFamily(self.name, self.help, labels=self.labels)

    def histogram(self) -> HistogramMetricFamily:
        assert self.type == "histogram"
        return HistogramMetricFamily(self.name, self.help, labels=self.labels)


_ACTION = ("action",)
_KIND = ("kind",)
_SUBSCRIBER = ("subscriber",)
_CHARGE_POINT = ("charge_point",)
_CONNECTOR = ("charge_point", "connector")

# The process ---------------------------------------------------------------------------------------------------------

BUILD = Family("mcppd_build_info", "gauge", "Always 1; the version of mcppd and of Python.", ("version", "python"))
UPTIME = Family("mcppd_uptime_seconds", "gauge", "Time since mcppd was started.")
LOOP_LAG = Family("mcppd_loop_lag_seconds", "gauge", "How late the event loop ran its last timed task.")
LOOP_LAG_MAX = Family("mcppd_loop_lag_max_seconds", "gauge", "Largest loop lag of the last minutes.")
WRITTEN = Family("mcppd_process_write_bytes_total", "counter", "Bytes the process caused to be written to disk.")
CPU = Family("mcppd_process_cpu_seconds_total", "counter", "Processor time of the process, user and system.")
RESIDENT = Family("mcppd_process_resident_memory_bytes", "gauge", "Resident memory of the process.")
OPEN_FDS = Family("mcppd_process_open_fds", "gauge", "Open file descriptors of the process.")
MAX_FDS = Family("mcppd_process_max_fds", "gauge", "How many file descriptors the process may have open.")
LOG_SUPPRESSED = Family("mcppd_log_lines_suppressed_total", "counter", "Log lines beyond log.rate.")
LOG_LOST = Family("mcppd_log_lines_lost_total", "counter", "Log lines that could not be written to stderr.")

# Core ----------------------------------------------------------------------------------------------------------------

LINKS = Family("mcppd_links", "gauge", "Charge points connected now.")
CHARGE_POINTS = Family("mcppd_charge_points", "gauge", "Charge points registered.")
MESSAGES = Family(
    "mcppd_messages_total",
    "counter",
    "OCPP messages by direction (in, out), type (call, call_result, call_error) and action.",
    ("direction", "type", "action"),
)
HANDLING = Family(
    "mcppd_message_handling_seconds", "histogram", "From the arrival of a call to its answer's going out.", _ACTION
)
ROUND_TRIP = Family("mcppd_call_round_trip_seconds", "histogram", "From a call of ours to its answer.", _ACTION)
ERRORS = Family("mcppd_errors_total", "counter", "What went wrong on links and in answering, by kind.", _KIND)
VIOLATIONS = Family("mcppd_schema_violations_total", "counter", "Messages that did not fit their schema.", _ACTION)
REPAIRS = Family("mcppd_repairs_total", "counter", "Repairs of known quirks of charge points, by kind.", _KIND)
EVENTS = Family("mcppd_events_total", "counter", "Events published, by kind.", ("event",))
PLUGIN_FAILURES = Family("mcppd_plugin_failures_total", "counter", "Hooks of plugins that failed.", ("plugin",))
QUEUED = Family("mcppd_subscription_queue_length", "gauge", "Events waiting for a subscriber.", _SUBSCRIBER)
DROPPED = Family("mcppd_subscription_dropped_total", "counter", "Events a slow subscriber lost.", _SUBSCRIBER)

# Storage -------------------------------------------------------------------------------------------------------------

COMMITS = Family("mcppd_storage_commits_total", "counter", "Commits, each synced to the disk.")
COMMIT_SECONDS = Family("mcppd_storage_commit_seconds", "histogram", "Time of one commit, with its sync.")
BATCH_SIZE = Family("mcppd_storage_batch_size", "histogram", "Writes that shared one commit.")
ROWS = Family("mcppd_storage_rows_total", "counter", "Rows inserted, changed and deleted.")
FAILURES = Family("mcppd_storage_failures_total", "counter", "Batches that could not be committed.")
DATABASE_BYTES = Family("mcppd_storage_database_bytes", "gauge", "Size of the database file.")
WAL_BYTES = Family("mcppd_storage_wal_bytes", "gauge", "Size of the write-ahead log.")
WAITING = Family("mcppd_storage_queue_length", "gauge", "Writes that wait for the next commit.")

# Charge points -------------------------------------------------------------------------------------------------------

CONNECTED = Family("mcppd_charge_point_connected", "gauge", "1 while the charge point is connected.", _CHARGE_POINT)
CONNECTED_SECONDS = Family(
    "mcppd_charge_point_connected_seconds", "gauge", "Age of its link; 0 while it is not connected.", _CHARGE_POINT
)
BOOTS = Family("mcppd_charge_point_boots_total", "counter", "Times the charge point (re)started.", _CHARGE_POINT)
RECONNECTS = Family("mcppd_charge_point_reconnects_total", "counter", "Links after the first one.", _CHARGE_POINT)
LAST_SEEN = Family(
    "mcppd_charge_point_last_seen_timestamp_seconds", "gauge", "When it last said anything.", _CHARGE_POINT
)
CLOCK_SKEW = Family(
    "mcppd_charge_point_clock_skew_seconds", "gauge", "How far its clock is ahead of ours.", _CHARGE_POINT
)

# Connectors ----------------------------------------------------------------------------------------------------------

STATUS = Family(
    "mcppd_connector_status", "gauge", "1 for the status the connector has, 0 for the others.", (*_CONNECTOR, "status")
)
ERROR = Family("mcppd_connector_error_info", "gauge", "Always 1; its last error code.", (*_CONNECTOR, "error_code"))
STATUS_CHANGES = Family("mcppd_connector_status_changes_total", "counter", "Changes of its status.", _CONNECTOR)
ACTIVE = Family("mcppd_connector_transaction_active", "gauge", "1 while a transaction runs.", _CONNECTOR)
TRANSACTIONS = Family("mcppd_connector_transactions_total", "counter", "Transactions ever started.", _CONNECTOR)
DURATION = Family(
    "mcppd_connector_transaction_duration_seconds", "gauge", "Age of the running transaction, else 0.", _CONNECTOR
)
ENERGY = Family(
    "mcppd_connector_transaction_energy_wh", "gauge", "Energy of the running transaction, else 0.", _CONNECTOR
)
PEAK_POWER = Family("mcppd_connector_peak_power_watts", "gauge", "Peak of the running transaction, else 0.", _CONNECTOR)
ENERGY_TOTAL = Family(
    "mcppd_connector_energy_wh_total", "counter", "All energy ever delivered, in Wh; survives restarts.", _CONNECTOR
)
POWER = Family("mcppd_connector_power_watts", "gauge", "Power now.", _CONNECTOR)
CURRENT = Family("mcppd_connector_current_amperes", "gauge", "Current now, by phase.", (*_CONNECTOR, "phase"))
VOLTAGE = Family("mcppd_connector_voltage_volts", "gauge", "Voltage last measured, by phase.", (*_CONNECTOR, "phase"))
STATE_OF_CHARGE = Family(
    "mcppd_connector_state_of_charge_ratio", "gauge", "State of charge of the vehicle, 0 to 1, if told.", _CONNECTOR
)

# Transactions that ended ---------------------------------------------------------------------------------------------

ENDED_DURATION = Family("mcppd_transaction_duration_seconds", "histogram", "Duration of transactions that ended.")
ENDED_ENERGY = Family("mcppd_transaction_energy_wh", "histogram", "Energy of transactions that ended, in Wh.")

FAMILIES: tuple[Family, ...] = (
    BUILD, UPTIME, LOOP_LAG, LOOP_LAG_MAX, WRITTEN, CPU, RESIDENT, OPEN_FDS, MAX_FDS, LOG_SUPPRESSED, LOG_LOST,
    LINKS, CHARGE_POINTS, MESSAGES, HANDLING, ROUND_TRIP, ERRORS, VIOLATIONS, REPAIRS, EVENTS, PLUGIN_FAILURES,
    QUEUED, DROPPED,
    COMMITS, COMMIT_SECONDS, BATCH_SIZE, ROWS, FAILURES, DATABASE_BYTES, WAL_BYTES, WAITING,
    CONNECTED, CONNECTED_SECONDS, BOOTS, RECONNECTS, LAST_SEEN, CLOCK_SKEW,
    STATUS, ERROR, STATUS_CHANGES, ACTIVE, TRANSACTIONS, DURATION, ENERGY, PEAK_POWER, ENERGY_TOTAL, POWER, CURRENT,
    VOLTAGE, STATE_OF_CHARGE,
    ENDED_DURATION, ENDED_ENERGY,
)  # fmt: skip
