-- Session keys are sealed from now on: gateway/store/sealing.py
UPDATE session SET
    f_nwk_s_int_key = sealed(f_nwk_s_int_key, dev_eui || '/' || id || '/f_nwk_s_int_key'),
    s_nwk_s_int_key = sealed(s_nwk_s_int_key, dev_eui || '/' || id || '/s_nwk_s_int_key'),
    nwk_s_enc_key = sealed(nwk_s_enc_key, dev_eui || '/' || id || '/nwk_s_enc_key'),
    app_s_key = sealed(app_s_key, dev_eui || '/' || id || '/app_s_key');

-- free pages may still hold plain keys: gateway/store/plain_keys.py
INSERT INTO note SELECT 'plain_keys', 'in free pages'
    WHERE EXISTS (SELECT 1 FROM session) OR EXISTS (SELECT 1 FROM accepted_join);
