/* Paho's MQTTAsync against a running broker: paho_async URI NAME VERSION [CAFILE] */
#include <MQTTAsync.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { Patience = 60, Messages = 50, Kinds = 3 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int connected, subscribed, sent, ended, received[Kinds];
static int last_present;
static MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
static int with_tls;

static void fail(const char* what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static void check(int ok, const char* what) {
  if (!ok) fail(what);
}

static void add(int* counter) {
  pthread_mutex_lock(&lock);
  ++*counter;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

static void wait_for(const int* counter, int value, const char* what) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += Patience;
  pthread_mutex_lock(&lock);
  while (*counter < value) {
    if (pthread_cond_timedwait(&changed, &lock, &until) != 0) {
      fprintf(stderr, "%d of %d: ", *counter, value);
      fail(what);
    }
  }
  pthread_mutex_unlock(&lock);
}

static void on_success(void* counter, MQTTAsync_successData* data) {
  (void)data;
  add(counter);
}

static void on_success5(void* counter, MQTTAsync_successData5* data) {
  (void)data;
  add(counter);
}

static void on_connect(void* counter, MQTTAsync_successData* data) {
  last_present = data->alt.connect.sessionPresent;
  add(counter);
}

static void on_connect5(void* counter, MQTTAsync_successData5* data) {
  last_present = data->alt.connect.sessionPresent;
  add(counter);
}

static void on_failure(void* counter, MQTTAsync_failureData* data) {
  (void)counter;
  fail(data && data->message ? data->message : "an operation failed");
}

static void on_failure5(void* counter, MQTTAsync_failureData5* data) {
  (void)counter;
  fail(data && data->message ? data->message : "an operation failed");
}

/* Messages of each QoS come in the order they were sent. */
static int on_message(void* context, char* topic, int length, MQTTAsync_message* message) {
  (void)context;
  (void)length;
  const int kind = topic[strlen(topic) - 1] - '0';
  char text[16] = {0};
  memcpy(text, message->payload, (size_t)message->payloadlen);
  check(message->qos == kind, "a message came with another QoS");
  check(atoi(text) == received[kind], "a message came out of order, twice or not at all");
  add(&received[kind]);
  MQTTAsync_freeMessage(&message);
  MQTTAsync_free(topic);
  return 1;
}

static MQTTAsync_responseOptions respond(int version, int* counter) {
  MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
  if (version == MQTTVERSION_5) {
    options.onSuccess5 = on_success5;
    options.onFailure5 = on_failure5;
  } else {
    options.onSuccess = on_success;
    options.onFailure = on_failure;
  }
  options.context = counter;
  return options;
}

static void open_client(MQTTAsync* client, const char* uri, const char* id, int version, int keep) {
  MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer;
  create.MQTTVersion = version;
  create.maxBufferedMessages = 10 * Messages;
  check(MQTTAsync_createWithOptions(client, uri, id, MQTTCLIENT_PERSISTENCE_NONE, NULL, &create) == 0, "create");
  check(MQTTAsync_setCallbacks(*client, NULL, NULL, on_message, NULL) == 0, "set callbacks");
  MQTTProperties properties = MQTTProperties_initializer;
  MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
  if (version == MQTTVERSION_5) {
    MQTTAsync_connectOptions five = MQTTAsync_connectOptions_initializer5;
    MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL};
    expiry.value.integer4 = keep ? 3600 : 0;
    MQTTProperties_add(&properties, &expiry);
    options = five;
    options.cleanstart = !keep;
    options.connectProperties = &properties;
    options.onSuccess5 = on_connect5;
    options.onFailure5 = on_failure5;
  } else {
    options.cleansession = !keep;
    options.onSuccess = on_connect;
    options.onFailure = on_failure;
  }
  if (with_tls) options.ssl = &tls;
  options.MQTTVersion = version;
  options.maxInflight = 100;
  options.context = &connected;
  const int before = connected;
  check(MQTTAsync_connect(*client, &options) == MQTTASYNC_SUCCESS, "connect");
  wait_for(&connected, before + 1, "no CONNACK");
  MQTTProperties_free(&properties);
}

static void close_client(MQTTAsync* client, int version) {
  MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;
  if (version == MQTTVERSION_5) {
    options.onSuccess5 = on_success5;
  } else {
    options.onSuccess = on_success;
  }
  options.timeout = 1000;
  options.context = &ended;
  const int before = ended;
  check(MQTTAsync_disconnect(*client, &options) == MQTTASYNC_SUCCESS, "disconnect");
  wait_for(&ended, before + 1, "no end of the connection");
  MQTTAsync_destroy(client);
}

static void subscribe(MQTTAsync client, int version) {
  MQTTAsync_responseOptions options = respond(version, &subscribed);
  check(MQTTAsync_subscribe(client, "async/+", 2, &options) == MQTTASYNC_SUCCESS, "subscribe");
  wait_for(&subscribed, 1, "no SUBACK");
}

/* All at once, without waiting for acknowledgements in between. */
static void publish_all(MQTTAsync client, int version, int from_qos) {
  char topic[32];
  char text[16];
  for (int i = 0; i < Messages; ++i) {
    for (int qos = from_qos; qos < Kinds; ++qos) {
      MQTTAsync_responseOptions options = respond(version, &sent);
      snprintf(topic, sizeof topic, "async/%d", qos);
      snprintf(text, sizeof text, "%d", i);
      check(MQTTAsync_send(client, topic, (int)strlen(text), text, qos, 0, &options) == MQTTASYNC_SUCCESS, "send");
    }
  }
  wait_for(&sent, (Kinds - from_qos) * Messages, "not everything was acknowledged");
}

static void receive_all(int from_qos) {
  for (int qos = from_qos; qos < Kinds; ++qos) wait_for(&received[qos], Messages, "not everything came");
}

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) return 2;
  with_tls = argc == 5;
  if (with_tls) {
    tls.trustStore = argv[4];
    tls.verify = 1;  /* the host name as well */
  }
  const char* uri = argv[1];
  const int version = atoi(argv[3]);
  MQTTAsync publisher;
  MQTTAsync subscriber;
  open_client(&publisher, uri, "publisher", version, 0);
  if (strcmp(argv[2], "qos") == 0) {
    open_client(&subscriber, uri, "subscriber", version, 0);
    subscribe(subscriber, version);
    publish_all(publisher, version, 0);
    receive_all(0);
  } else if (strcmp(argv[2], "session") == 0) {
    open_client(&subscriber, uri, "subscriber", version, 1);
    subscribe(subscriber, version);
    close_client(&subscriber, version);
    publish_all(publisher, version, 1);
    open_client(&subscriber, uri, "subscriber", version, 1);
    check(last_present, "the session was lost");
    receive_all(1);
  } else {
    return 2;
  }
  close_client(&subscriber, version);
  close_client(&publisher, version);
  return 0;
}
