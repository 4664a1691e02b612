import { runProcess } from './process.ts';
import { API_PROCESS, startApi } from './start-api.ts';

await runProcess(API_PROCESS, (context) => startApi(context));
