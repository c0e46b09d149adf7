/* A charge point on ocpp-rpc in strict mode: it boots, plugs in, lets itself be started, charges, stops.
 *
 *   node charge.js ws://127.0.0.1:9000/ocpp IDENTITY
 *
 * Prints one JSON object: every answer it got, every call it heard, and what broke a schema. Ends with 1 if anything did.
 */
const { RPCClient } = require("ocpp-rpc");

const [endpoint, identity] = process.argv.slice(2);
const told = { answers: {}, heard: [], violations: [] };

const client = new RPCClient({
  endpoint,
  identity,
  protocols: ["ocpp1.6"],
  strictMode: true,
  reconnect: false,
  callTimeoutMs: 10000,
});
client.on("strictValidationFailure", (failure) => told.violations.push(String(failure.error)));
client.on("badMessage", (failure) => told.violations.push(String(failure.error)));

let started;
const remoteStart = new Promise((resolve) => (started = resolve));

function answers(action, reply) {
  client.handle(action, ({ params }) => {
    told.heard.push([action, params]);
    return reply(params);
  });
}
answers("TriggerMessage", () => ({ status: "NotImplemented" }));
answers("ChangeConfiguration", () => ({ status: "NotSupported" }));
answers("GetConfiguration", () => ({
  configurationKey: [{ key: "HeartbeatInterval", readonly: false, value: "300" }],
  unknownKey: [],
}));
answers("RemoteStartTransaction", (params) => {
  setImmediate(() => started(params));
  return { status: "Accepted" };
});

async function says(action, params) {
  const answer = await client.call(action, params);
  (told.answers[action] ??= []).push(answer);
  return answer;
}

const now = () => new Date().toISOString();
const status = (connectorId, status) =>
  says("StatusNotification", { connectorId, errorCode: "NoError", status, timestamp: now() });
const sampled = (value, measurand, unit, context, phase) => ({
  value: String(value),
  context,
  measurand,
  unit,
  ...(phase && { phase }),
});

async function charge() {
  await client.connect();
  const boot = await says("BootNotification", {
    chargePointVendor: "Elsewhere",
    chargePointModel: "RPC",
    chargePointSerialNumber: "RPC-1",
    firmwareVersion: "2.2.1",
  });
  if (boot.status !== "Accepted") throw Error(`boot ${boot.status}`);
  await status(0, "Available");
  await status(1, "Available");
  await says("Heartbeat", {});
  await says("Authorize", { idTag: "04AABBCC" });
  await says("DataTransfer", { vendorId: "nobody.knows", messageId: "hello", data: "there" });
  await says("DiagnosticsStatusNotification", { status: "Idle" });
  await says("FirmwareStatusNotification", { status: "Idle" });
  await says("LogStatusNotification", { status: "Idle" });
  await says("SecurityEventNotification", { type: "StartupOfTheDevice", timestamp: now() });
  await says("SignedFirmwareStatusNotification", { status: "Idle" });

  await status(1, "Preparing");
  const start = await remoteStart;
  const { transactionId } = await says("StartTransaction", {
    connectorId: start.connectorId ?? 1,
    idTag: start.idTag,
    meterStart: 1000,
    timestamp: now(),
  });
  await status(1, "Charging");
  for (const register of [1100, 1250.5, 1400]) {
    await says("MeterValues", {
      connectorId: 1,
      transactionId,
      meterValue: [
        {
          timestamp: now(),
          sampledValue: [
            sampled(register, "Energy.Active.Import.Register", "Wh", "Sample.Periodic"),
            sampled(11.04, "Power.Active.Import", "kW", "Sample.Periodic"),
            sampled(16, "Current.Import", "A", "Sample.Periodic", "L1"),
            sampled(230, "Voltage", "V", "Sample.Periodic", "L1-N"),
          ],
        },
      ],
    });
  }
  await says("StopTransaction", {
    transactionId,
    idTag: start.idTag,
    meterStop: 1500,
    timestamp: now(),
    reason: "Local",
    transactionData: [
      { timestamp: now(), sampledValue: [sampled(1500, "Energy.Active.Import.Register", "Wh", "Transaction.End")] },
    ],
  });
  await status(1, "Finishing");
  await status(1, "Available");
  await client.close();
}

charge()
  .catch((error) => told.violations.push(`${error.name}: ${error.message}`))
  .finally(() => {
    console.log(JSON.stringify(told));
    process.exit(told.violations.length ? 1 : 0);
  });
