// uWebSockets.js is not in the npm registry under its own name: two packages carry its prebuilt
// binaries. The newer is taken where its binary loads here (it wants a recent glibc), else the
// older, whose fallback to JavaScript is never used: that would be another server by the same name.
'use strict';

const path = require('node:path');

const suffix = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`;

const builds = [
  {
    version: `@btc-vision/uwebsockets.js ${version('@btc-vision/uwebsockets.js')}`,
    load: () => require('@btc-vision/uwebsockets.js'),
  },
  {
    version: `@trufflesuite/uws-js-unofficial ${version('@trufflesuite/uws-js-unofficial')}`,
    load: () => require(`@trufflesuite/uws-js-unofficial/binaries/${suffix}`),
  },
];

function version(name) {
  for (const folder of module.paths.concat((process.env.NODE_PATH ?? '').split(':'))) {
    try {
      return require(path.resolve(folder, name, 'package.json')).version;
    } catch {
      // Not in this folder.
    }
  }
  return 'not installed';
}

function load() {
  const failures = [];
  for (const build of builds) {
    try {
      return { uws: build.load(), version: build.version };
    } catch (error) {
      failures.push(`${build.version}: ${error.message.trim().split('\n').pop()}`);
    }
  }
  throw new Error(failures.join('; '));
}

module.exports = load();

if (require.main === module) console.log(module.exports.version);
