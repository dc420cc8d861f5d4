/* A PKCS #11 module that is the real one of SoftHSM, and fails or hangs in C_SignInit for as long as a file says so. For .ci/tokens.py. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <p11-kit/pkcs11.h>

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST faulty;

static int said(const char *word) {
    char path[4096];
    const char *directory = getenv("FAULTS");
    if (!directory || strlen(directory) > 4000) return 0;
    strcpy(path, directory);
    strcat(path, "/");
    strcat(path, word);
    return access(path, F_OK) == 0;
}

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key) {
    while (said("hang")) usleep(20000);
    if (said("fail")) return CKR_DEVICE_ERROR;
    return real->C_SignInit(session, mechanism, key);
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify, CK_SESSION_HANDLE *session) {
    if (said("fail")) return CKR_DEVICE_REMOVED;
    return real->C_OpenSession(slot, flags, application, notify, session);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list) {
    if (!real) {
        void *module = dlopen(getenv("SOFTHSM2_MODULE"), RTLD_NOW | RTLD_LOCAL);
        CK_RV (*get)(CK_FUNCTION_LIST **) = module ? (CK_RV (*)(CK_FUNCTION_LIST **)) dlsym(module, "C_GetFunctionList") : 0;
        if (!get || get(&real) != CKR_OK) return CKR_GENERAL_ERROR;
        faulty = *real;
        faulty.C_SignInit = sign_init;
        faulty.C_OpenSession = open_session;
    }
    *list = &faulty;
    return CKR_OK;
}
