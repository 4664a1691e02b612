// Run with `node --experimental-vm-modules`: the sources are ES modules, and swc only erases their types.
const swc = {
  jsc: { parser: { syntax: 'typescript' }, target: 'es2024' },
  module: { type: 'es6' },
  sourceMaps: 'inline',
};

const project = (displayName, ...folders) => ({
  displayName,
  testEnvironment: 'node',
  transform: { '^.+\\.ts$': ['@swc/jest', swc] },
  extensionsToTreatAsEsm: ['.ts'],
  modulePathIgnorePatterns: ['<rootDir>/.local/'],
  testMatch: folders.map((folder) => `<rootDir>/test/${folder}/**/*.test.ts`),
});

// biome-ignore lint/style/noDefaultExport: jest reads its settings from there.
export default {
  projects: [
    project('unit', 'unit'),
    project('simulator', 'simulator'),
    project('stack', 'stack'),
    project('integration', 'integration'),
    project('workflow', 'workflow', 'replay'),
    project('e2e', 'e2e'),
  ],
};
