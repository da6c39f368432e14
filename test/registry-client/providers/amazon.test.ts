import { describe, expect, it } from "vitest";
import { signed } from "../../../src/registry/auth/provider/sigv4.ts";
import { status } from "../../registry/scripted-registry.ts";
import { base64, cloud, json, SECRET } from "./cloud.ts";

const keys = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
};

describe("AWS's signature, version 4", () => {
  const now = Date.parse("2015-08-30T12:36:00Z");
  const region = "us-east-1";
  // Of AWS's signature test suite (aws-sig-v4-test-suite) and its documentation's example for IAM.
  it.each([
    [
      "GET",
      "https://example.amazonaws.com/",
      {},
      "",
      "service",
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ],
    [
      "POST",
      "https://example.amazonaws.com/",
      {},
      "",
      "service",
      "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ],
    [
      "POST",
      "https://example.amazonaws.com/",
      { "content-type": "application/x-www-form-urlencoded" },
      "Param1=value1",
      "service",
      "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ],
    [
      "GET",
      "https://example.amazonaws.com/?Param2=value2&Param1=value1",
      {},
      "",
      "service",
      "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ],
    [
      "GET",
      "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
      { "content-type": "application/x-www-form-urlencoded; charset=utf-8" },
      "",
      "iam",
      "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    ],
  ])("is AWS's own for %s %s %j %s", (method, url, headers, body, service, signature) => {
    const request = { method, url: new URL(url), headers, body, region, service, now };
    const { authorization } = signed(request, keys);
    expect(authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/20150830\/us-east-1\//,
    );
    expect(authorization).toContain(`Signature=${signature}`);
  });
});

describe("Amazon ECR", () => {
  const environment = {
    AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
    AWS_SECRET_ACCESS_KEY: SECRET,
    AWS_SESSION_TOKEN: "session",
  };
  const authorizationToken = base64("AWS:password");
  const given = json({ authorizationData: [{ authorizationToken, expiresAt: 9e9 }] });

  it.each([
    ["123456789012.dkr.ecr.eu-west-1.amazonaws.com", "api.ecr.eu-west-1.amazonaws.com"],
    ["123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", "ecr-fips.us-east-1.amazonaws.com"],
    ["123456789012.dkr-ecr.eu-west-1.on.aws", "ecr.eu-west-1.api.aws"],
  ])("%s: %s gives a password for the keys, once", async (registry, api) => {
    await using rig = await cloud(environment, { [`POST ${api}/`]: given });
    const expected = { kind: "basic", username: "AWS", password: "password" };
    const from = { kind: "provider", name: "ECR", key: registry };
    expect(await rig.credential(registry)).toEqual({ ...expected, from });
    await Promise.all([rig.credential(registry), rig.credential(registry)]);
    expect(rig.asked).toEqual([{ to: `POST ${api}/`, body: "{}" }]);
    const [request] = rig.server.received;
    expect(request?.headers).toMatchObject({
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
      "x-amz-security-token": "session",
      authorization: expect.stringContaining(
        "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
      ),
    });
    expect(request?.headers.authorization).toMatch(
      /Credential=AKIDEXAMPLE\/\d{8}\/[a-z0-9-]+\/ecr\//,
    );
    expect(JSON.stringify(request)).not.toContain(SECRET);
  });

  it.each([
    ["twelve hours at most", 9e12, 12 * 3600 - 60],
    ["as long as Amazon says", 2_000_000_600, 540],
    ["a minute at least, whatever a wrong clock says", 1, 60],
  ])(
    "its password is used for %s, and asked for anew when it was refused",
    async (_, at, seconds) => {
      let now = 2e12;
      const entry = { authorizationToken, expiresAt: at };
      const to = "POST api.ecr.eu-west-1.amazonaws.com/";
      const answers = { [to]: json({ authorizationData: [entry] }) };
      await using rig = await cloud(environment, answers, () => now);
      const registry = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
      await rig.credential(registry);
      now += seconds * 1000 - 1;
      const found = await rig.credential(registry);
      expect(rig.asked).toHaveLength(1);
      now += 1;
      await rig.credential(registry);
      expect(rig.asked).toHaveLength(2);
      const request = { origin: "", registry, repository: "", action: "pull" } as const;
      if (found !== undefined) rig.client.credentials.refused(request, found);
      await rig.credential(registry);
      expect(rig.asked).toHaveLength(3);
    },
  );

  it("Public gives it in one region, as an object", async () => {
    const to = "POST api.ecr-public.us-east-1.amazonaws.com/";
    await using rig = await cloud(environment, {
      [to]: json({ authorizationData: { authorizationToken, expiresAt: 9e9 } }),
    });
    expect(await rig.credential("public.ecr.aws")).toMatchObject({ password: "password" });
    expect(rig.server.received[0]?.headers).toMatchObject({
      "x-amz-target": "SpencerFrontendService.GetAuthorizationToken",
      authorization: expect.stringContaining("/us-east-1/ecr-public/aws4_request"),
    });
  });

  it.each([
    [
      400,
      `{"__type":"com.amazon#UnrecognizedClientException","message":"${SECRET}"}`,
      "unauthorized",
      "400 UnrecognizedClientException",
    ],
    [400, JSON.stringify({ __type: SECRET }), "unauthorized", "400"],
    [403, `{"message":"${SECRET}"}`, "unauthorized", "403"],
    [429, "", "rate-limited", "429"],
    [503, SECRET, "registry-unavailable", "503"],
    [200, `<html>${SECRET}`, "malformed", "200"],
    [200, JSON.stringify({ authorizationData: [] }), "malformed", "without a token"],
    [
      200,
      JSON.stringify({ authorizationData: [{ authorizationToken: base64(SECRET) }] }),
      "malformed",
      "without a token",
    ],
    [200, " ".repeat(65 * 1024), "limit-exceeded", ""],
  ])("that answers %s %s stops the request: %s", async (code, body, expected, says) => {
    const api = "POST api.ecr.eu-west-1.amazonaws.com/";
    await using rig = await cloud(environment, { [api]: status(code, {}, body) });
    const failure = rig.credential("123456789012.dkr.ecr.eu-west-1.amazonaws.com");
    await expect(failure).rejects.toMatchObject({ code: expected });
    const error: unknown = await failure.catch((error: unknown) => error);
    expect(String(error)).toContain(says);
    expect(String(error) + JSON.stringify(error)).not.toContain(SECRET);
  });

  it("that sends the request elsewhere gets nothing sent there", async () => {
    const to = "POST api.ecr.eu-west-1.amazonaws.com/";
    const redirect = status(307, { location: "https://login.example/steal" });
    await using rig = await cloud(environment, { [to]: redirect });
    await expect(
      rig.credential("123456789012.dkr.ecr.eu-west-1.amazonaws.com"),
    ).rejects.toMatchObject({ code: "refused" });
    expect(rig.asked.map(({ to }) => to)).toEqual([to]);
  });
});
