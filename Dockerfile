FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY stubs ./stubs
RUN --mount=type=cache,target=/root/.npm npm ci --omit=optional
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM node:24-bookworm-slim
WORKDIR /app
# Without the option a signal opens Node's inspector.
ENV NODE_ENV=production NODE_OPTIONS=--disable-sigusr1 BACKSCROLL_DATA_DIR=/data
COPY package.json package-lock.json ./
COPY stubs ./stubs
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --omit=optional \
    && ln -s /app/dist/main.js /usr/local/bin/backscroll \
    && install --directory --owner=node --group=node --mode=0700 /data /app/.cache
COPY LICENSE ./
COPY config ./config
COPY --from=build /app/dist ./dist
USER node
# What commands load is compiled now: the root file system is read-only later.
RUN backscroll --help > /dev/null && backscroll status > /dev/null
VOLUME /data
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["backscroll", "health"]
ENTRYPOINT ["backscroll"]
CMD ["run"]
