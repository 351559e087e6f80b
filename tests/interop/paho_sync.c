/* Paho's MQTTClient (synchronous) against a running broker: paho_sync URI NAME VERSION [CAFILE]
   Few messages: Paho itself takes some 50 ms for each, with any broker. */
#include <MQTTClient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                              \
  do {                                                                                \
    if (!(condition)) {                                                               \
      fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);       \
      exit(1);                                                                        \
    }                                                                                 \
  } while (0)

enum { Patience = 20000 };

static const char* uri;
static MQTTClient_SSLOptions tls = MQTTClient_SSLOptions_initializer;
static int with_tls;

/* `keep`: the session outlives the connection. Returns whether there was one, -1 if Paho does not tell. */
static int open_client(MQTTClient* client, const char* id, int version, int keep) {
  MQTTClient_createOptions create = MQTTClient_createOptions_initializer;
  create.MQTTVersion = version;
  CHECK(MQTTClient_createWithOptions(client, uri, id, MQTTCLIENT_PERSISTENCE_NONE, NULL, &create) == 0);
  if (version == MQTTVERSION_5) {
    MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer5;
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL};
    expiry.value.integer4 = keep ? 3600 : 0;
    MQTTProperties_add(&properties, &expiry);
    options.MQTTVersion = version;
    options.cleanstart = !keep;
    if (with_tls) options.ssl = &tls;
    MQTTResponse response = MQTTClient_connect5(*client, &options, &properties, NULL);
    CHECK(response.reasonCode == MQTTREASONCODE_SUCCESS);
    MQTTResponse_free(response);
    MQTTProperties_free(&properties);
    return -1;
  }
  MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer;
  options.MQTTVersion = version;
  options.cleansession = !keep;
  if (with_tls) options.ssl = &tls;
  CHECK(MQTTClient_connect(*client, &options) == MQTTCLIENT_SUCCESS);
  return options.returned.sessionPresent;
}

static void close_client(MQTTClient* client, int version) {
  if (version == MQTTVERSION_5) {
    CHECK(MQTTClient_disconnect5(*client, 1000, MQTTREASONCODE_SUCCESS, NULL) == 0);
  } else {
    CHECK(MQTTClient_disconnect(*client, 1000) == 0);
  }
  MQTTClient_destroy(client);
}

static void subscribe(MQTTClient client, int version, const char* filter, int qos) {
  if (version == MQTTVERSION_5) {
    MQTTResponse response = MQTTClient_subscribe5(client, filter, qos, NULL, NULL);
    CHECK((int)response.reasonCode == qos);
    MQTTResponse_free(response);
  } else {
    CHECK(MQTTClient_subscribe(client, filter, qos) == MQTTCLIENT_SUCCESS);
  }
}

static void publish(MQTTClient client, int version, const char* topic, const char* payload, int qos, int retained) {
  MQTTClient_deliveryToken token = 0;
  const int size = (int)strlen(payload);
  if (version == MQTTVERSION_5) {
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_USER_PROPERTY};
    property.value.data.data = "name";
    property.value.data.len = 4;
    property.value.value.data = "value";
    property.value.value.len = 5;
    MQTTProperties_add(&properties, &property);
    MQTTResponse response = MQTTClient_publish5(client, topic, size, payload, qos, retained, &properties, &token);
    CHECK(response.reasonCode == MQTTREASONCODE_SUCCESS);
    MQTTResponse_free(response);
    MQTTProperties_free(&properties);
  } else {
    CHECK(MQTTClient_publish(client, topic, size, payload, qos, retained, &token) == MQTTCLIENT_SUCCESS);
  }
  if (qos > 0) CHECK(MQTTClient_waitForCompletion(client, token, Patience) == MQTTCLIENT_SUCCESS);
}

static void receive(MQTTClient client, int version, const char* payload, int qos, int retained) {
  char* topic = NULL;
  int length = 0;
  MQTTClient_message* message = NULL;
  CHECK(MQTTClient_receive(client, &topic, &length, &message, Patience) == MQTTCLIENT_SUCCESS);
  CHECK(message != NULL);
  if ((size_t)message->payloadlen != strlen(payload) ||
      memcmp(message->payload, payload, strlen(payload)) != 0) {
    fprintf(stderr, "on %s came %.*s, wanted %s\n", topic, message->payloadlen, (char*)message->payload, payload);
    exit(1);
  }
  CHECK(message->qos == qos);
  CHECK(message->retained == retained);
  if (version == MQTTVERSION_5) CHECK(MQTTProperties_hasProperty(&message->properties, MQTTPROPERTY_CODE_USER_PROPERTY));
  MQTTClient_freeMessage(&message);
  MQTTClient_free(topic);
}

static void every_qos(int version) {
  MQTTClient client;
  char text[16];
  open_client(&client, "every", version, 0);
  for (int asked = 0; asked < 3; ++asked) {
    subscribe(client, version, "every/+", asked);
    for (int sent = 0; sent < 3; ++sent) {
      for (int i = 0; i < 3; ++i) {
        snprintf(text, sizeof text, "%d", i);
        publish(client, version, "every/a", text, sent, 0);
        receive(client, version, text, sent < asked ? sent : asked, 0);
      }
    }
  }
  close_client(&client, version);
}

static void session(int version) {
  MQTTClient keeper;
  MQTTClient publisher;
  char text[16];
  CHECK(open_client(&keeper, "keeper", version, 1) <= 0);
  subscribe(keeper, version, "kept/#", 2);
  close_client(&keeper, version);
  open_client(&publisher, "publisher", version, 0);
  for (int i = 0; i < 10; ++i) {
    snprintf(text, sizeof text, "%d", i);
    publish(publisher, version, "kept/a", text, 1 + i / 5, 0);
  }
  const int present = open_client(&keeper, "keeper", version, 1);
  if (version == MQTTVERSION_3_1_1) CHECK(present == 1);
  for (int i = 0; i < 10; ++i) {
    snprintf(text, sizeof text, "%d", i);
    receive(keeper, version, text, 1 + i / 5, 0);
  }
  close_client(&keeper, version);
  close_client(&publisher, version);
}

static void retained(int version) {
  MQTTClient client;
  open_client(&client, "retained", version, 0);
  publish(client, version, "state/a", "kept", 1, 1);
  subscribe(client, version, "state/+", 2);
  receive(client, version, "kept", 1, 1);
  publish(client, version, "state/a", "", 2, 1);
  receive(client, version, "", 2, 0);
  subscribe(client, version, "state/#", 2);
  publish(client, version, "state/b", "live", 0, 0);
  receive(client, version, "live", 0, 0);
  receive(client, version, "live", 0, 0);  /* the overlapping subscription */
  close_client(&client, version);
}

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) return 2;
  with_tls = argc == 5;
  if (with_tls) {
    tls.trustStore = argv[4];
    tls.verify = 1;  /* the host name as well */
  }
  uri = argv[1];
  const int version = atoi(argv[3]);
  if (strcmp(argv[2], "qos") == 0) {
    every_qos(version);
  } else if (strcmp(argv[2], "session") == 0) {
    session(version);
  } else if (strcmp(argv[2], "retained") == 0) {
    retained(version);
  } else {
    return 2;
  }
  return 0;
}
