# One image for api, bridge, worker, the migrations and the Conduit simulator; the command chooses. Node 24 runs the
# TypeScript sources as they are, so that there is no build stage, only one that installs the packages.
FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY patches patches
# `npm install` and not `npm ci`: a lockfile made on one platform may lack optional packages of another. The Node binaries
# among the optional packages are for machines without this image. The tool that puts `patches` on the packages is one of
# development, so everything is installed first and pruned then.
RUN npm install --no-save && npm prune --omit=dev --no-save --ignore-scripts && rm -rf node_modules/node-linux-* node_modules/node-win-* node_modules/.bin/node

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
# Where the simulator keeps its ledger; a volume mounted here takes over the owner.
RUN install -d -o node -g node /data
COPY --from=packages /app/node_modules node_modules
COPY package.json ./
COPY migrations migrations
COPY simulator simulator
COPY src src
USER node
CMD ["node", "src/main/api.ts"]
