import { runProcess } from './process.ts';
import { BRIDGE_PROCESS, startBridge } from './start-bridge.ts';

await runProcess(BRIDGE_PROCESS, (context) => startBridge(context));
